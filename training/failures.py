"""A training step that cannot go on, told as what the user can change: NaN, memory, torch's compiler."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch

from ..errors import RunError
from ..tasks.base import Batch
from .devices import World
from .optimization import TrainConfig


def refuse_not_finite(
    what: str, value: float, step: int, batch: Batch, world: World, config: TrainConfig
) -> None:
    """Raise E620, naming the items of the batch after `step` steps, if the loss or the gradient is not finite."""
    if math.isfinite(value):
        return
    spoilt = {
        item
        for x in batch.inputs
        if x.is_floating_point() and len(x) == len(batch.items)
        for item, fine in zip(
            batch.items, x.isfinite().flatten(1).all(1).tolist(), strict=True
        )
        if not fine
    }
    facts = [("items", _quoted(world.gather(batch.items)))]
    if spoilt:
        facts.append(("input not finite", _quoted(tuple(sorted(spoilt)))))
    raise RunError(
        f"the {what} is {value} at step {step + 1}, in the batch of the items below",
        code="E620",
        facts=facts,
        help="look at these items; if they are sound, lower train.lr"
        + (" or set train.clip_norm" * (config.clip_norm is None)),
    )


def _quoted(items: tuple[str, ...]) -> str:
    return ", ".join(f"'{item}'" for item in items)


@contextlib.contextmanager
def told_plainly(config: TrainConfig) -> Iterator[None]:
    """Torch's own failures that the user's settings bring about, as RunError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if str(error).strip():
            first = str(error).strip().splitlines()[0]
        else:
            first = type(error).__name__
        if (
            isinstance(error, torch.OutOfMemoryError | MemoryError)
            or "can't allocate memory" in first
        ):
            raise RunError(
                f"the memory does not suffice for a training step with batch_size {config.batch_size}",
                code="E622",
                facts=[("torch", first)],
                help="lower train.batch_size",
            ) from error
        if config.compile and type(error).__module__.startswith(
            ("torch._dynamo", "torch._inductor")
        ):
            raise RunError(
                "torch.compile could not compile the model",
                code="E623",
                facts=[("torch", first)],
                help="set train.compile to false",
            ) from error
        raise
