"""The compiled graph: an ordinary `torch.nn.Module`, one child per block under its node's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..errors import GraphError, did_you_mean
from ..out_of_memory import of_memory
from ..shapes import show
from .failing import OF_TENSORS, failure
from .join import fits, join
from .language.axes import default_axes
from .language.graph import Graph
from .operations import NodeInfo, Op


def count_parameters(module: nn.Module) -> int:
    """How many numbers a module learns; a weight that layers share counts once."""
    return sum(parameter.numel() for parameter in module.parameters())


class GraphModule(nn.Module):
    """A compiled graph: an ordinary module with one child per block, under its node's name.

    Attributes
    ----------
    graph : Graph
        The checked graph.
    nodes : tuple of NodeInfo
        One per run of a layer, with the sizes of what comes and goes.
    ops : tuple of Op
        The steps of forward.
    outputs : tuple of str
        The names of the outputs; empty where the graph names none and forward returns a tensor.
    input_shapes, output_shapes : dict of str to tuple
        The contract: an int, or a formula of the free axes such as "T/2", per axis; the batch first.
    free_sizes : dict of str to int
        Sizes of the free axes at which the graph is known to run.

    Raises
    ------
    GraphError
        E203 where a skip does not fit at the sizes of a call, E204 where a layer cannot run on them, with the node
        and its line; E211 where the inputs given are not those of the graph.

    Examples
    --------
    >>> import torch, mirbricks as mb
    >>> model = mb.compile_graph({"input": {"x": "B C=2 T", "t": "B C=2 T"}, "layers": ["ReLU", {"AddWith": "t"}]})
    >>> x, t = torch.zeros(1, 2, 5), torch.ones(1, 2, 5)
    >>> bool((model(x, t) == model(t=t, x=x)).all())
    True
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
        drawn: Callable[[GraphModule], str] | None = None,
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
        # The drawing reads this class, so whoever makes a graph says what draws it.
        self._drawn = drawn
        self._fixed = _fixed_sizes(graph, self._inputs)

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

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor | dict[str, Tensor]:
        """Run the graph.

        Parameters
        ----------
        *inputs, **named : Tensor
            One tensor (B, ...) per input of the graph: all in the order of its `input:` line, or all by name.

        Returns
        -------
        Tensor or dict of str to Tensor
            What the last layer makes; a dict by name where the graph names its outputs.
        """
        if named or len(inputs) != len(self._inputs):
            inputs = self._in_order(inputs, named)
        # torch's tracers follow the plain walk: around a `try` they would give up or lose their own errors.
        if torch.compiler.is_compiling():
            return self._walk(inputs)
        for place, axis, size in self._fixed:
            if inputs[place].shape[axis : axis + 1] != (size,):
                self._refuse_size(place, inputs[place])
        try:
            return self._walk(inputs)
        # Torch's words about a tensor do not name the layer: the error is told again with
        # the node and its line. Of memory the caller knows more, such as the batch size.
        except OF_TENSORS as error:
            if of_memory(error):
                raise
            told = failure(error, self, GraphModule.run_steps.__code__, self.nodes)
            if told is None:
                raise
            raise told from error

    def _walk(self, inputs: tuple[Tensor, ...]) -> Tensor | dict[str, Tensor]:
        stored = dict(zip(self._inputs, inputs, strict=True))
        x = self.run_steps(self.ops, inputs[0], stored)
        if self.outputs:
            return {key: stored[key] for key in self.outputs}
        return x

    def run_steps(
        self, steps: Sequence[Op], x: Tensor, stored: dict[str, Tensor]
    ) -> Tensor:
        """Some of the steps of forward, one after another, such as those behind a bottleneck.

        Parameters
        ----------
        steps : sequence of Op
            A part of `ops`.
        x : Tensor
            What the first of them reads.
        stored : dict of str to Tensor
            What StoreAs has kept so far and the inputs, by name; the steps add to it, and remove what is done with.

        Returns
        -------
        Tensor
            What the last step makes.
        """
        for op in steps:
            if op.kind == "run":
                x = self._node(op.name)(x, *[stored[key] for key in op.extra])
            elif op.kind == "StoreAs":
                stored[op.name] = x
            elif op.kind == "StartFrom":
                x = stored[op.name]
            else:
                others = [stored[op.name], *[stored[key] for key in op.extra]]
                x = self._join(op, [x, *others])
            # The memory of what nothing asks for any more is free again.
            for key in op.done:
                del stored[key]
        return x

    def _in_order(
        self, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor]
    ) -> tuple[Tensor, ...]:
        """The inputs in the order of the graph, given by position or by name; raises E211 for anything else."""
        if not inputs and named.keys() == set(self._inputs):
            return tuple(named[name] for name in self._inputs)
        wanted = ", ".join(self._inputs)
        given = []
        if inputs:
            given.append(f"{len(inputs)} by position")
        if named:
            given.append(f"by name {', '.join(named)}")
        message = f"the graph takes {wanted}, got {' and '.join(given) or 'no tensor'}"
        call = ", ".join(f"{name}=..." for name in self._inputs)
        hint = f"call it with one tensor each: model({wanted}) or model({call})"
        for name in named:
            near = did_you_mean(name, self._inputs)
            if name not in self._inputs and near:
                hint = near
        where = self.graph.where_input()
        raise GraphError(message, code="E211", where=where, help=hint)

    def _refuse_size(self, place: int, given: Tensor) -> None:
        """Raise E207: the graph writes a size of this input with "=", and another came."""
        name = self._inputs[place]
        axes = self.graph.inputs[name]
        expected = [axis.name if axis.size is None else axis.size for axis in axes]
        raise GraphError(
            f"the input '{name}' has another size than the graph fixes",
            code="E207",
            where=self.graph.where_input(),
            facts=[("expected", show(expected)), ("got", show(given.shape))],
            help="give a tensor of this size, or leave the size out in `input:` where it may be any",
        )

    def _node(self, name: str) -> nn.Module:
        # The look-up of dotted names is slow, and most nodes are direct children.
        module = self._modules.get(name)
        if module is not None:
            return module
        return self.get_submodule(name)

    def _join(self, op: Op, tensors: list[Tensor]) -> Tensor:
        first = tensors[0]
        if op.fit == "error" and any(
            other.shape[2:] != first.shape[2:] for other in tensors[1:]
        ):
            self._refuse_misfit(op, tensors)
        return join(op.kind, tensors, op.fit)

    def _refuse_misfit(self, op: Op, tensors: list[Tensor]) -> None:
        """Raise E203 where sizes differ and no single value makes up for it."""
        here = tuple(tensors[0].shape)
        keys = (op.name, *op.extra)
        for key, tensor in zip(keys, tensors[1:], strict=True):
            problem = fits(op.kind, here, tuple(tensor.shape), op.fit)
            if problem:
                facts = [("here", show(here)), ("stored", show(tensor.shape))]
                message = f"{op.kind} '{key}': {problem}"
                hint = "add `fit: crop`, or give other sizes"
                raise GraphError(
                    message, code="E203", where=op.where, facts=facts, help=hint
                )

    def _repr_svg_(self) -> str | None:
        """The drawing of the graph, in a notebook."""
        return None if self._drawn is None else self._drawn(self)

    def extra_repr(self) -> str:
        inputs = map(show, self.input_shapes.values())
        outputs = map(show, self.output_shapes.values())
        return f"{self.graph.name}: {', '.join(inputs)} -> {', '.join(outputs)}"


def _fixed_sizes(
    graph: Graph, inputs: Sequence[str]
) -> tuple[tuple[int, int, int], ...]:
    """The number of the input, the axis and the size of each axis that the graph writes with "="."""
    found = []
    for place, name in enumerate(inputs):
        for number, axis in enumerate(graph.inputs.get(name, ())):
            if axis.size is not None:
                found.append((place, number, axis.size))
    return tuple(found)


def _add(module: nn.Module, name: str, block: nn.Module) -> None:
    """Put a block under its dotted name: "enc.conv" lies in a container `enc`."""
    *outer, last = name.split(".")
    for part in outer:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    module.add_module(last, block)
