"""What tasks do with recordings alike: find the annotated ones, cut patches, take means over all patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data.batching.patches import patch_starts, take_patch
from ..errors import TaskError
from .modes import evaluating

PATCHES_AT_ONCE = 32
AnyItem = TypeVar("AnyItem")  # an Item or a FeatureItem


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


def random_patch(
    feature: Any, patch_frames: int, rng: np.random.Generator, silence: float = 0.0
) -> Tensor:
    """(..., patch_frames) of a feature from anywhere in it; a short recording lies anywhere in its patch."""
    spare = feature.n_frames - patch_frames
    start = int(rng.integers(min(spare, 0), max(spare, 0) + 1))
    return take_patch(feature.read, start, patch_frames, feature.n_frames, silence)


def refuse_not_finite(values: NDArray[Any], key: str = "") -> None:
    """Raise TaskError E510 where what a model gives for the recording `key` is NaN or infinite."""
    if not np.isfinite(values).all():
        if key:
            of = f" for '{key}'"
        else:
            of = ""
        message = f"the model gives numbers that are not finite{of}"
        help = "look at the features of this recording for NaN; if they are sound, the weights are spoilt: train anew"
        raise TaskError(message, code="E510", help=help)


def as_input(patches: Tensor, rank: int) -> Tensor:
    """(B, ..., T), with an axis of one channel where the graph reads one axis more."""
    return (patches.unsqueeze(1) if patches.ndim + 1 == rank else patches).contiguous()


def mean_over_patches(
    model: nn.Module,
    feature: Any,
    patch_frames: int,
    of: Callable[[Tensor], Tensor],
    hop_frames: int | None = None,
    silence: float = 0.0,
) -> NDArray[np.float64]:
    """The mean of `of(outputs)`, such as probabilities of logits, over the patches that cover a recording.

    feature     cached, or a tensor (..., T)
    hop_frames  from one patch to the next; none: half a patch
    silence     what a recording shorter than a patch is filled up with: `FeatureConfig.silence`
    """
    device = next(model.parameters()).device
    rank = _rank_of(model)
    if isinstance(feature, Tensor):
        n_frames = feature.shape[-1]
    else:
        n_frames = feature.n_frames
    starts = patch_starts(
        n_frames, patch_frames, hop_frames or max(patch_frames // 2, 1)
    )
    rows = []
    with evaluating(model):
        for first in range(0, len(starts), PATCHES_AT_ONCE):
            patches = [
                take_patch(
                    lambda a, b: _read(feature, a, b),
                    int(start),
                    patch_frames,
                    n_frames,
                    silence,
                )
                for start in starts[first : first + PATCHES_AT_ONCE]
            ]
            inputs = torch.stack(patches)
            rows.append(
                of(
                    model(as_input(inputs, rank or inputs.ndim).to(device)).float()
                ).cpu()
            )
    return np.asarray(torch.cat(rows).double().mean(0).numpy(), np.float64)


def _read(feature: Any, start: int, stop: int) -> Tensor:
    if isinstance(feature, Tensor):
        found: Tensor = feature[..., start:stop]
    else:
        found = feature.read(start, stop)
    return found


def _rank_of(model: nn.Module) -> int:
    """Axes of the input of a compiled graph; 0 for other models, which see patches as they are."""
    shapes = getattr(model, "input_shapes", None)
    if shapes:
        return len(next(iter(shapes.values())))
    return 0
