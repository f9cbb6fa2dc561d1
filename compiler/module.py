"""The compiled graph: an ordinary `torch.nn.Module`, one child per block under its node's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..errors import GraphError, Where
from ..registry import BlockConfig
from ..shapes import show
from .join import fits, join
from .language.axes import default_axes
from .language.graph import Graph


@dataclass(frozen=True)
class NodeInfo:
    """A layer as it was built: sizes are ints, or formulas of the free axes such as "T" and "T/2"."""

    name: str
    block: str
    config: BlockConfig
    where: Where
    came: tuple[int | str, ...]
    went: tuple[int | str, ...]
    reused: bool = False  # a further run of a node above, with its weights


@dataclass(frozen=True)
class Op:
    """One step of forward: run the child `name`, or StoreAs, StartFrom, CatWith, AddWith, MulWith on the key `name`.

    `extra` are further stored tensors: of a run its further inputs, of a join what else is joined. `done` are the keys
    that nothing asks for after this step.
    """

    kind: str
    name: str
    fit: str = "error"
    where: Where | None = None
    extra: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


class GraphModule(nn.Module):
    """A compiled graph.

    forward takes the inputs in the order of the graph's `input:` line and returns the last node's tensor, or a dict
    where the graph names its outputs.
    `graph` is the checked graph, `ops` the steps of forward, `nodes` one `NodeInfo` per run of a layer, `input_shapes`
    and `output_shapes` the contract, `outputs` the names of the outputs (none: the last tensor, "y"), `free_sizes`
    sizes of the free axes at which the graph is known to run.
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
        output_shapes: dict[str, tuple[int | str, ...]],
        free_sizes: dict[str, int],
    ) -> None:
        super().__init__()
        for name, block in blocks:
            _add(self, name, block)
        self.graph = graph
        self.nodes = tuple(nodes)
        self.ops = tuple(ops)
        self.outputs = graph.outputs
        self.input_shapes = input_shapes
        self.output_shapes = output_shapes
        self.free_sizes = free_sizes
        self._inputs = tuple(input_shapes)

    @property
    def output_shape(self) -> tuple[int | str, ...]:
        """The shape of the output, of the first where there are several."""
        return next(iter(self.output_shapes.values()))

    @property
    def axis_names(self) -> dict[str, tuple[str, ...]]:
        """The names of each input's axes, the batch first."""
        named = {
            name: tuple(axis.name for axis in axes)
            for name, axes in self.graph.inputs.items()
        }
        return {
            name: named.get(name) or default_axes(len(shape))
            for name, shape in self.input_shapes.items()
        }

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        x = inputs[0]
        if len(self._inputs) > 1:
            stored = dict(zip(self._inputs, inputs, strict=True))
        else:
            stored = {self._inputs[0]: x}
        for op in self.ops:
            if op.kind == "run":
                x = self._node(op.name)(x, *[stored[key] for key in op.extra])
            elif op.kind == "StoreAs":
                stored[op.name] = x
            elif op.kind == "StartFrom":
                x = stored[op.name]
            else:
                x = self._join(
                    op, [x, stored[op.name], *[stored[key] for key in op.extra]]
                )
            for key in op.done:  # its memory is free again
                del stored[key]
        if self.outputs:
            return {key: stored[key] for key in self.outputs}
        return x

    def _node(self, name: str) -> nn.Module:
        module = self._modules.get(name)
        if module is not None:
            return module
        return self.get_submodule(name)

    def _join(self, op: Op, tensors: list[Tensor]) -> Tensor:
        if op.fit == "error" and any(
            other.shape[2:] != tensors[0].shape[2:] for other in tensors[1:]
        ):
            raise self._misfit(op, tensors)
        return join(op.kind, tensors, op.fit)

    def _misfit(self, op: Op, tensors: list[Tensor]) -> GraphError:
        here = tuple(tensors[0].shape)
        keys = (op.name, *op.extra)
        others = [tuple(other.shape) for other in tensors[1:]]
        problems = [fits(op.kind, here, other, op.fit) for other in others]
        i = next(i for i, problem in enumerate(problems) if problem)
        facts = [("here", show(here)), ("stored", show(others[i]))]
        message = f"{op.kind} '{keys[i]}': {problems[i]}"
        hint = "add `fit: crop`, or give other sizes"
        return GraphError(message, code="E203", where=op.where, facts=facts, help=hint)

    def extra_repr(self) -> str:
        inputs, outputs = (
            map(show, shapes.values())
            for shapes in (self.input_shapes, self.output_shapes)
        )
        return f"{self.graph.name}: {', '.join(inputs)} -> {', '.join(outputs)}"


def _add(module: nn.Module, name: str, block: nn.Module) -> None:
    """Put a block under its dotted name: "enc.conv" lies in a container `enc`."""
    *outer, last = name.split(".")
    for part in outer:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    module.add_module(last, block)
