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
    node, reason = _guilty(model, base) or (None, error)
    label = f"{node.block} '{node.name}'" if node else "the graph"
    free = sorted({axis for axis in model.free_sizes if axis != "B"})
    if free:
        hint = f"fix the sizes in `input:`, as in {free[0]}=64"
    else:
        hint = "use another block in its place"
    return GraphError(
        f"{label} cannot be exported with free axes",
        code="E710",
        where=node.where if node else None,
        facts=[("torch", first_line(reason))],
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
    # Run at two sizes: an axis that differs between them is free where the layer stands.
    other_sizes = {name: size + 64 for name, size in base.items()}
    if "B" in base:
        other_sizes["B"] = 3
    seen = _seen(model, trial_inputs(model, base))
    others = _seen(model, trial_inputs(model, other_sizes))
    for node in model.nodes:
        given = seen.get(node.name)
        other = others.get(node.name)
        if given is None or other is None:
            continue
        free = tuple(map(_differing_axes, given, other))
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


def _differing_axes(a: Tensor, b: Tensor) -> dict[int, Any]:
    """The axes of which two tensors have other sizes, marked as free."""
    sizes = enumerate(zip(a.shape, b.shape, strict=True))
    return {i: Dim.DYNAMIC for i, (one, other) in sizes if one != other}


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
    except Exception:
        # It is the export that is explained, and what was seen so far helps.
        return found
    finally:
        for handle in handles:
            handle.remove()
    return found
