"""What tasks do with recordings alike: find the annotated ones, and refuse what a model gives for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import TaskError
from .patches import as_input, mean_over_patches, random_patch

# Tasks of other packages were taught to take these from here.
__all__ = [
    "annotated",
    "as_input",
    "mean_over_patches",
    "random_patch",
    "refuse_not_finite",
    "unannotated",
    "without_stems",
]

AnyItem = TypeVar("AnyItem")  # an Item or a FeatureItem


def without_stems(items: Sequence[AnyItem]) -> list[AnyItem]:
    """The recordings that are not stems. Raises TaskError E503 without any."""
    found = [item for item in items if getattr(item, "stem_of", None) is None]
    if not found:
        raise TaskError(
            "there are no recordings",
            code="E503",
            help="look at the corpus with `mirbricks data info`, or choose another corpus or split",
        )
    return found


def annotated(
    items: Sequence[AnyItem], annotation: str, stems: bool = False
) -> list[AnyItem]:
    """The recordings that have this annotation, stems only if asked for. Raises TaskError E503 where none has it."""
    own: list[Any] = [
        item for item in items if stems or getattr(item, "stem_of", None) is None
    ]
    found = [item for item in own if item.annotations.get(annotation)]
    if not found:
        help = "set task.annotation to the one that holds it, or choose another corpus or split"
        raise unannotated(own, f"the annotation '{annotation}'", help)
    return found


def unannotated(
    items: Sequence[Any], what: str, help: str, facts: Sequence[tuple[str, str]] = ()
) -> TaskError:
    """E503: none of the items has `what`, but other annotations, which it names."""
    names = sorted(
        {name for item in items for name, atoms in item.annotations.items() if atoms}
        - {"filepath"}
    )
    got = ("got", ", ".join(f"'{name}'" for name in names) or "no annotations")
    message = f"none of {len(items)} recordings has {what}"
    return TaskError(message, code="E503", facts=[*facts, got], help=help)


def refuse_not_finite(values: NDArray[Any], key: str = "") -> None:
    """Raise TaskError E510 where what a model gives for the recording `key` is NaN or infinite."""
    if not np.isfinite(values).all():
        if key:
            of = f" for '{key}'"
        else:
            of = ""
        message = f"the model gives numbers that are not finite{of}"
        help = "look at the features of this recording for NaN; if they are sound, the weights are spoilt: train again"
        raise TaskError(message, code="E510", help=help)
