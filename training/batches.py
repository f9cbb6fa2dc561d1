"""Batches on their way to the model: made one ahead in a thread, then moved to the device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..tasks.base import Batch, Learner
from .devices import World


@contextlib.contextmanager
def batches_ahead(
    learner: Learner, world: World, first: int, last: int
) -> Iterator[Iterator[Batch]]:
    """The batches of steps first, ..., last - 1, each made in a thread while the one before is trained on."""
    # One thread and one batch ahead: reading overlaps with the step, and memory holds two batches at most.
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:

        def submit(step: int) -> Future[Batch]:
            # Batch numbers interleave over the ranks: no two processes learn from the same batch.
            return pool.submit(learner.batch, step * world.size + world.rank)

        def each() -> Iterator[Batch]:
            ahead = submit(first)
            for step in range(first, last):
                batch = ahead.result()
                if step + 1 < last:
                    ahead = submit(step + 1)
                yield batch

        yield each()


def on_device(batch: Batch, device: torch.device, channels_last: bool) -> Batch:
    """`batch` with its inputs and targets (a tensor, or tensors in tuples, lists and dicts) on `device`."""
    inputs = _moved(batch.inputs, device)
    if channels_last:
        inputs = tuple(map(_channels_last, inputs))
    named = _moved(dict(batch.named), device)
    if channels_last:
        named = {name: _channels_last(x) for name, x in named.items()}
    targets = _moved(batch.targets, device)
    return replace(batch, inputs=inputs, targets=targets, named=named)


def _channels_last(x: Tensor) -> Tensor:
    """Other than 4-D tensors have no such layout."""
    if x.ndim != 4:
        return x
    return x.contiguous(memory_format=torch.channels_last)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: _moved(inner, device) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(inner, device) for inner in value)
    return value
