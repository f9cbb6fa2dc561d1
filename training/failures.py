"""A training step that cannot go on, reported as what the user can change: NaN, memory, torch's compiler."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..compiler.module import GraphModule
from ..compiler.operations import NodeInfo
from ..errors import RunError
from ..out_of_memory import of_memory
from ..tasks.base import Batch
from .devices import World
from .optimization import TrainConfig


def refuse_not_finite(
    what: str,
    value: float,
    step: int,
    batch: Batch,
    world: World,
    config: TrainConfig,
    first_layer: Callable[[], str | None],
) -> None:
    """Raise E620 after `step` steps if the loss or the gradient is not finite.

    It names the items of the batch, and the layer that `first_layer` finds.
    """
    if math.isfinite(value):
        return
    # Bad data is the most frequent cause, and the user must know which recording it is.
    spoilt = _not_finite_inputs(batch)
    facts = [("items", _quoted(world.gather(batch.items)))]
    if spoilt:
        facts.append(("input not finite", _quoted(tuple(sorted(spoilt)))))
    layer = first_layer()
    if layer:
        facts.append(("first in", layer))
    help = "look at these items; if they are sound, lower train.lr"
    if config.clip_norm is None:
        help += " or set train.clip_norm"
    raise RunError(
        f"the {what} is {value} at step {step + 1}, in the batch of the items below",
        code="E620",
        facts=facts,
        help=help,
    )


def first_not_finite(
    modules: Iterable[nn.Module], again: Callable[[], object]
) -> str | None:
    """The first layer of a graph whose inputs are finite and whose output is not, with its line; None where none is.

    `again` computes the step once more. The training has ended: what that changes in the modules is of no account.
    """
    found: list[str] = []

    def watch(node: NodeInfo) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, came: Any, went: Any) -> None:
            if not found and _finite(came) and not _finite(went):
                where = f"{node.block} '{node.name}', line {node.where.line}"
                found.append(where)

        return hook

    with contextlib.ExitStack() as hooks, torch.no_grad():
        for module in modules:
            for graph in module.modules():
                if not isinstance(graph, GraphModule):
                    continue
                for node in graph.nodes:
                    layer = graph.get_submodule(node.name)
                    handle = layer.register_forward_hook(watch(node))
                    hooks.callback(handle.remove)
        # The failure of the step is what is reported, whatever comes of the search.
        with contextlib.suppress(Exception):
            again()
    return found[0] if found else None


def _finite(value: Any) -> bool:
    """Whether all numbers of a tensor, or of those in a list or a dict, are finite."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return True
    return all(map(_finite, value))


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
