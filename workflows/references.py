"""All recordings of a corpus, for tasks that judge one among the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tasks.base import Task
from .experiment import compute_features
from .progress import Progress


def refer(
    task: Task, recordings: Sequence[Any], cache: Any, jobs: int, progress: Progress
) -> None:
    """Compute the features of the recordings, where the task compares, and give it those that can be used."""
    if not task.compares:
        return
    # Stems are no candidates: a song's own stem would be its nearest neighbour.
    others = [item for item in recordings if item.stem_of is None]
    label = "features of all recordings it is compared with"
    with progress.counting(label, len(others)) as on_done:
        task.references = compute_features(others, cache, jobs, on_done)[0]
