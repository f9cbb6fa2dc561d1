"""A training step that cannot go on, reported as what the user can change: NaN, memory, torch's compiler."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from ..errors import RunError
from ..out_of_memory import of_memory
from ..tasks.base import Batch
from .devices import World
from .optimization import TrainConfig


def refuse_not_finite(
    what: str, value: float, step: int, batch: Batch, world: World, config: TrainConfig
) -> None:
    """Raise E620, naming the items of the batch after `step` steps, if the loss or the gradient is not finite."""
    if math.isfinite(value):
        return
    # Bad data is the most frequent cause, and the user must know which recording it is.
    spoilt = _not_finite_inputs(batch)
    facts = [("items", _quoted(world.gather(batch.items)))]
    if spoilt:
        facts.append(("input not finite", _quoted(tuple(sorted(spoilt)))))
    help = "look at these items; if they are sound, lower train.lr"
    if config.clip_norm is None:
        help += " or set train.clip_norm"
    raise RunError(
        f"the {what} is {value} at step {step + 1}, in the batch of the items below",
        code="E620",
        facts=facts,
        help=help,
    )


def _not_finite_inputs(batch: Batch) -> set[str]:
    """The items whose own inputs are NaN or infinite: then the data is at fault, and not the training."""
    found = set()
    for x in (*batch.inputs, *batch.named.values()):
        if not x.is_floating_point() or len(x) != len(batch.items):
            continue
        fine = x.isfinite().flatten(1).all(1).tolist()
        found |= {item for item, ok in zip(batch.items, fine, strict=True) if not ok}
    return found


def _quoted(items: tuple[str, ...]) -> str:
    return ", ".join(f"'{item}'" for item in items)


@contextlib.contextmanager
def reported_plainly(config: TrainConfig) -> Iterator[None]:
    """Torch's own failures that the user's settings bring about, as RunError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        text = str(error).strip() or type(error).__name__
        first = text.splitlines()[0]
        if of_memory(error):
            raise RunError(
                f"out of memory in a training step with batch_size {config.batch_size}",
                code="E622",
                facts=[("torch", first)],
                help="lower train.batch_size",
            ) from error
        # By module, for torch's compiler has dozens of exceptions without a public base.
        of_compiler = ("torch._dynamo", "torch._inductor")
        if config.compile and type(error).__module__.startswith(of_compiler):
            raise RunError(
                "torch.compile could not compile the model",
                code="E623",
                facts=[("torch", first)],
                help="set train.compile to false",
            ) from error
        raise
