"""Labels of a corpus under another name than in training, and labels without an example."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..data.corpus import FeatureItem, Item
from ..tasks.base import Figures, Task

_LISTED = 8


def other_annotation(
    recordings: Sequence[Item | FeatureItem], task: Task, tuned: Mapping[str, Any]
) -> str | None:
    """The annotation whose values are all labels of the model, where the one that it was trained on is missing.

    None where nothing needs to be replaced, where the model has no labels, or where two would do that say different
    things.
    """
    own = getattr(task.config, "annotation", None)
    labels = set(tuned.get("labels", ()))
    if not labels or own is None or any(own in item.annotations for item in recordings):
        return None
    said = {name: _said(recordings, name) for name in _annotations(recordings)}
    found = [name for name, values in said.items() if set().union(*values) <= labels]
    if found and all(said[name] == said[found[0]] for name in found):
        return found[0]
    return None


def tell_missing(tuned: Mapping[str, Any], tracks: Mapping[str, Figures]) -> None:
    """Labels that no track has are left out of macro means: say which, on standard error."""
    labels = tuned.get("labels", ())
    there = {k for track in tracks.values() for k in track.get("truth", ())}
    missing = [label for k, label in enumerate(labels) if k not in there]
    if missing and there:
        listed = ", ".join(missing[:_LISTED]) + (
            ", ..." if len(missing) > _LISTED else ""
        )
        print(
            f"note: no recording has the label {listed}; macro figures leave such labels out",
            file=sys.stderr,
        )


def _annotations(recordings: Iterable[Item | FeatureItem]) -> list[str]:
    return sorted(
        {
            name
            for item in recordings
            for name in item.annotations
            if item.annotations[name]
        }
        - {"filepath"}
    )


def _said(recordings: Iterable[Item | FeatureItem], name: str) -> list[set[str]]:
    """The values of each recording."""
    return [
        {str(atom.value) for atom in item.annotations.get(name, ())}
        for item in recordings
    ]
