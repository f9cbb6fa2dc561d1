"""The note on recordings that a task has to pad."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..features.cache import FeatureCache
from ..tasks.base import Task

_LISTED = 3


def note_short(task: Task, items: Sequence[Any], cache: FeatureCache) -> None:
    """Say on standard error which recordings are shorter than a patch: silence is added to them, and learned from."""
    size = getattr(task.config, "patch_frames", 0)
    if items:
        short = [
            item.key
            for item in task.tracks(items)
            if cache.open(item.key).n_frames < size
        ]
    else:
        short = []
    if short:
        names = ", ".join(f"'{key}'" for key in short[:_LISTED]) + (
            ", ..." if len(short) > _LISTED else ""
        )
        print(
            f"note: padded with silence to a patch of {size} frames ({size * task.feature.hop_s:.2g} s): "
            f"{len(short)} of {len(items)} recordings: {names}",
            file=sys.stderr,
        )
