"""All recordings of a corpus, for tasks that judge one among the others."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from ..commands.screen import counting
from ..tasks.base import Task
from .experiment import compute_features


def refer(
    task: Task, recordings: Sequence[Any], cache: Any, arguments: Namespace, show: bool
) -> None:
    """Compute the features of the recordings, where the task compares, and give it those that can be used."""
    if not task.compares:
        return
    others = [item for item in recordings if item.stem_of is None]
    with counting(
        "features of all it is compared with", len(others), show=show
    ) as on_done:
        task.references = compute_features(others, cache, arguments.jobs, on_done)[0]
