"""Tracks that cannot be judged, since a recording that they are judged with cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..printable import listed
from ..tasks.base import Task
from .progress import Progress

MOST_LISTED = 3


def without_spoilt(
    task: Task,
    items: Sequence[Any],
    usable: Sequence[Any],
    progress: Progress,
    tracks: Sequence[Any] | None = None,
) -> list[Any]:
    """The usable items, but for tracks whose stems are not all usable; these are reported.

    `tracks` are those of the items that may be spoilt; by default all that the task has.

    Against the stems that are left, such a mix would be judged by a reference that is silent where a stem is missing.
    """
    keys = {item.key for item in usable}
    if len(keys) == len(items):
        return list(usable)
    spoilt = []
    for track in task.tracks(items) if tracks is None else tracks:
        needed = {item.key for item in task.read_with([track], items)}
        if track.key in keys and not needed <= keys:
            spoilt.append(track.key)
    if spoilt:
        progress.note(
            f"left out, since not all of their stems can be used: {listed(spoilt, MOST_LISTED)}"
        )
    return [item for item in usable if item.key not in spoilt]
