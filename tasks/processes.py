"""Steps of a training and numbers of batches, which differ where several processes train together.

The numbers interleave: process r of n learns from batch step · n + r, so that no two learn from the same one.
"""

from __future__ import annotations

from torch import distributed


def step_of(batch_number: int) -> int:
    """The step of the loop that a batch belongs to."""
    n_processes, _ = _processes()
    return batch_number // n_processes


def batch_number(step: int) -> int:
    """The batch of a step that this process learns from."""
    n_processes, rank = _processes()
    return step * n_processes + rank


def _processes() -> tuple[int, int]:
    """How many train together, and which of them this is."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size(), distributed.get_rank()
    return 1, 0
