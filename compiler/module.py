"""The compiled graph: an ordinary `torch.nn.Module`, one child per block under its node's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..errors import GraphError, Where
from ..registry import BlockConfig
from ..shapes import show
from .join import fits, join
from .schema import Graph, default_axes


@dataclass(frozen=True)
class NodeInfo:
    """A layer as it was built: sizes are ints, or formulas of the free axes such as "T" and "T/2"."""

    name: str
    block: str
    config: BlockConfig
    where: Where
    came: tuple[int | str, ...]
    went: tuple[int | str, ...]


@dataclass(frozen=True)
class Op:
    """One step of forward: run the child `name`, or StoreAs / CatWith / AddWith / MulWith on `name`."""

    kind: str
    name: str
    fit: str = "error"
    where: Where | None = None


class GraphModule(nn.Module):
    """A compiled graph.

    forward takes the inputs in the order of the graph's `input:` line and returns the last node's tensor.
    `graph` is the checked graph, `nodes` one `NodeInfo` per layer, `input_shapes` and `output_shape` the contract,
    `free_sizes` sizes of the free axes at which the graph is known to run.
    Raises `GraphError` where a skip does not fit at the sizes of a call.
    """

    def __init__(
        self,
        graph: Graph,
        blocks: Sequence[tuple[str, nn.Module]],
        ops: Sequence[Op],
        nodes: Sequence[NodeInfo],
        *,
        input_shapes: dict[str, tuple[int | str, ...]],
        output_shape: tuple[int | str, ...],
        free_sizes: dict[str, int],
    ) -> None:
        super().__init__()
        for name, block in blocks:
            self.add_module(name, block)
        self.graph, self.nodes = graph, tuple(nodes)
        self.input_shapes, self.output_shape, self.free_sizes = input_shapes, output_shape, free_sizes
        self._inputs = tuple(input_shapes)
        self.ops = tuple(ops)

    @property
    def axis_names(self) -> dict[str, tuple[str, ...]]:
        """The names of each input's axes, the batch first."""
        named = {name: tuple(axis.name for axis in axes) for name, axes in self.graph.inputs.items()}
        return {name: named.get(name) or default_axes(len(shape)) for name, shape in self.input_shapes.items()}

    def forward(self, *inputs: Tensor) -> Tensor:
        x = inputs[0]
        stored = dict(zip(self._inputs, inputs, strict=True)) if len(self._inputs) > 1 else {self._inputs[0]: x}
        for op in self.ops:
            if op.kind == "run":
                x = self._modules[op.name](x)  # type: ignore[misc]  # every op of this kind has its module
            elif op.kind == "StoreAs":
                stored[op.name] = x
            else:
                other = stored[op.name]
                if op.fit == "error" and x.shape[2:] != other.shape[2:]:
                    raise self._misfit(op, x, other)
                x = join(op.kind, x, other, op.fit)
        return x

    def _misfit(self, op: Op, x: Tensor, other: Tensor) -> GraphError:
        problem = fits(op.kind, tuple(x.shape), tuple(other.shape), op.fit)
        facts = [("here", show(tuple(x.shape))), ("stored", show(tuple(other.shape)))]
        message = f"{op.kind} '{op.name}': {problem}"
        return GraphError(
            message, code="E203", where=op.where, facts=facts, help="add `fit: crop`, or give other sizes"
        )

    def extra_repr(self) -> str:
        return f"{self.graph.name}: {', '.join(map(show, self.input_shapes.values()))} -> {show(self.output_shape)}"
