"""Why torch cannot export a graph: which layer it is, and what torch says of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from ...errors import GraphError
from ..inference.trial import trial_inputs
from ..module import GraphModule
from ..operations import NodeInfo

Inputs = tuple[Tensor, ...]
LONGEST = 200  # characters of what torch says
_FIXED = re.compile(
    r"\.size\(\)\[(\d+)\] as dynamic but your code specialized it to be a constant \((\d+)\)"
)


def refusal(model: GraphModule, base: dict[str, int], error: Exception) -> GraphError:
    """The message for an export that failed; the layer is found by exporting each of them alone."""
    guilty = _guilty(model, base)
    if guilty:
        node, said = guilty
    else:
        node = None
        said = error
    if node:
        label = f"{node.block} '{node.name}'"
    else:
        label = "the graph"
    message = f"{label} cannot be exported with free axes"
    free = sorted({axis for axis in model.free_sizes if axis != "B"})
    if free:
        hint = f"fix the sizes in `input:`, as in {free[0]}=64"
    else:
        hint = "use another block in its place"
    return GraphError(
        message,
        code="E710",
        where=node.where if node else None,
        facts=[("torch", first_line(said))],
        help=hint,
    )


def first_line(error: Exception) -> str:
    """The first line that torch says, without its advice for developers."""
    fixed = _FIXED.search(str(error))
    if fixed:
        return f"axis {fixed[1]} is fixed at {fixed[2]} while it is traced"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith("Constraints violated")]
    return (useful or [type(error).__name__])[0].removeprefix("- ")[:LONGEST]


def _guilty(
    model: GraphModule, base: dict[str, int]
) -> tuple[NodeInfo, Exception] | None:
    """The first layer that cannot be exported alone, with the axes free that differ at other sizes."""
    other_sizes = {name: 3 if name == "B" else size + 64 for name, size in base.items()}
    seen, others = (
        _seen(model, trial_inputs(model, sizes)) for sizes in (base, other_sizes)
    )
    for node in model.nodes:
        given = seen.get(node.name)
        other = others.get(node.name)
        if given is None or other is None:
            continue
        free = tuple(
            {
                i: Dim.DYNAMIC
                for i, sizes in enumerate(zip(a.shape, b.shape, strict=True))
                if sizes[0] != sizes[1]
            }
            for a, b in zip(given, other, strict=True)
        )
        try:
            alone = torch.export.export(
                _Alone(model.get_submodule(node.name)),
                given,
                dynamic_shapes={"inputs": free},
                strict=False,
            )
            alone.module()(*other)
        except Exception as error:
            return node, error
    return None


class _Alone(nn.Module):
    """One block, with its inputs under one name."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, *inputs: Tensor) -> Any:
        return self.block(*inputs)


def _seen(model: GraphModule, inputs: Inputs) -> dict[str, Inputs]:
    """What comes into each node when the graph runs, as far as it runs."""
    found: dict[str, Inputs] = {}

    def note(name: str) -> Callable[[nn.Module, Inputs], None]:
        def hook(_: nn.Module, given: Inputs) -> None:
            found.setdefault(name, given)

        return hook

    names = dict.fromkeys(node.name for node in model.nodes)
    handles = [
        model.get_submodule(name).register_forward_pre_hook(note(name))
        for name in names
    ]
    try:
        with torch.no_grad():
            model(*inputs)
    except (
        Exception
    ):  # it is the export that is explained, and what was seen so far helps
        return found
    finally:
        for handle in handles:
            handle.remove()
    return found
