"""Labels of a corpus under another name than in training, and labels without an example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..data.corpus import FeatureItem, Item
from ..printable import listed
from ..tasks.base import Figures, Task
from .progress import Progress

MOST_LISTED = 8


def other_annotation(
    recordings: Sequence[Item | FeatureItem], task: Task, tuned: Mapping[str, Any]
) -> str | None:
    """The annotation whose values are all labels of the model, where the one that it was trained on is missing.

    None where nothing needs to be replaced, where the model has no labels, or where two that disagree would do.
    """
    # Nothing to look for: a task without labels, or a corpus that has them under the name of the training.
    own = getattr(task.config, "annotation", None)
    labels = set(tuned.get("labels", ()))
    if not labels or own is None or any(own in one.annotations for one in recordings):
        return None
    # An annotation is taken only if every value of it is a label of the model: a near match would
    # give wrong figures without a word.
    found: dict[str, list[set[str]]] = {}
    for name in _annotations(recordings):
        values = _values(recordings, name)
        if set().union(*values) <= labels:
            found[name] = values
    if not found:
        return None
    # Two names may hold the same labels; where they disagree, the user must choose.
    first = next(iter(found))
    if any(values != found[first] for values in found.values()):
        return None
    return first


def note_missing(
    tuned: Mapping[str, Any], tracks: Mapping[str, Figures], progress: Progress
) -> None:
    """Report labels that no track has: they are left out of macro means."""
    labels = tuned.get("labels", ())
    there = {k for track in tracks.values() for k in track.get("truth", ())}
    missing = [label for k, label in enumerate(labels) if k not in there]
    if missing and there:
        names = listed(missing, MOST_LISTED, quote="")
        progress.note(
            f"no recording has the label {names}; macro figures leave such labels out"
        )


def _annotations(recordings: Iterable[Item | FeatureItem]) -> list[str]:
    names = set()
    for item in recordings:
        names |= {name for name, atoms in item.annotations.items() if atoms}
    return sorted(names - {"filepath"})


def _values(recordings: Iterable[Item | FeatureItem], name: str) -> list[set[str]]:
    """The values of each recording."""
    found = []
    for item in recordings:
        found.append({str(atom.value) for atom in item.annotations.get(name, ())})
    return found
