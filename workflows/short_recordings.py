"""The note on recordings that a task has to pad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..features.cache import FeatureCache
from ..printable import listed
from ..tasks.base import Task
from .progress import Progress

MOST_LISTED = 3


def note_short(
    task: Task,
    items: Sequence[Any],
    cache: FeatureCache,
    progress: Progress,
    tracks: Sequence[Any] | None = None,
) -> None:
    """Report recordings that are shorter than a patch: silence is added to them, and learned from.

    `tracks` are those of the items that can be short; by default all that the task has.
    """
    if not items:
        return
    # A task without patches takes recordings of any length.
    size = getattr(task.config, "patch_frames", 0)
    short = []
    for item in task.tracks(items) if tracks is None else tracks:
        if cache.open(item.key).n_frames < size:
            short.append(item.key)
    if short:
        seconds = size * task.feature.hop_s
        progress.note(
            f"padded with silence to a patch of {size} frames ({seconds:.2g} s): "
            f"{len(short)} of {len(items)} recordings: {listed(short, MOST_LISTED)}"
        )
