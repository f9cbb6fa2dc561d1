"""Sizes of every tensor in a graph, found by running it on the meta device: no weights, no arithmetic.

`run` sends one set of input sizes through the graph, resolves every -1 on the way and holds each block against its
contract. Which sizes stay free is found by a second run at other sizes (`compile.probe`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...errors import GraphError, Where
from ...fields import quoted
from ...registry import INFER, Block, BlockConfig, build
from ...shapes import Axes, Contract, ContractError, Shape, meets, show
from ..join import fits, join
from ..language.axes import Axis
from ..language.graph import Graph
from ..language.nodes import Layer, Skip

TABLE_ROWS = 6


class Failed(Exception):
    """A run that stopped at node `index`; `error` is what the user reads."""

    def __init__(self, index: int, error: GraphError) -> None:
        super().__init__(index)
        self.index = index
        self.error = error


@dataclass(frozen=True)
class Step:
    """One node with the sizes of a run."""

    node: Layer | Skip
    config: BlockConfig | None
    came: Shape
    went: Shape


@dataclass
class Run:
    """The state of one walk over the graph."""

    graph: Graph
    free: Mapping[str, int]  # sizes chosen for free axes, for messages
    blocks: dict[
        int, Block
    ]  # meta blocks of an earlier run, reused where the config is the same
    steps: list[Step] = field(default_factory=list)
    stored: dict[str, tuple[Tensor, str]] = field(default_factory=dict)
    configs: dict[str, BlockConfig] = field(
        default_factory=dict
    )  # resolved ones, by name, for nodes that run again
    outputs: dict[str, Shape] = field(default_factory=dict)
    origin: str = "the input"  # of the tensor at hand, for messages

    def shape(self, sizes: Sequence[int | None]) -> str:
        """Sizes as the user reads them: B for a batch whose size was chosen here, ? for what only torch knows."""
        batch = self.free.get("B")
        return show(
            [
                "B" if i == 0 and n == batch else "?" if n is None else n
                for i, n in enumerate(sizes)
            ]
        )

    def line(self, where: Where) -> str:
        """A line of the graph; with its file where that is another one."""
        other = where.file != self.graph.source.file
        if other:
            return f"{where.file.rpartition('/')[2]} line {where.line}"
        return f"line {where.line}"

    def error(
        self,
        code: str,
        node: Layer | Skip,
        message: str,
        facts: list[tuple[str, str]],
        help: str | None,
        where: Where | None = None,
    ) -> Failed:
        """The message with the place, the facts, the sizes chosen for free axes and the table of layers before."""
        chosen = ", ".join(
            f"{name}={size}" for name, size in self.free.items() if name != "B"
        )
        rows = [
            *facts,
            *([("sizes", f"tried with {chosen}")] if chosen else []),
            *self.table(),
        ]
        return Failed(
            len(self.steps),
            GraphError(
                message, code=code, where=where or node.where, facts=rows, help=help
            ),
        )

    def table(self) -> list[tuple[str, str]]:
        """The last layers before this one: line, block, shape."""
        rows = [step for step in self.steps if isinstance(step.node, Layer)][
            -TABLE_ROWS:
        ]
        shown = []
        for step in rows:
            assert isinstance(step.node, Layer)
            shown.append(
                (
                    self.line(step.node.where),
                    f"{step.node.spec.name} -> {self.shape(step.went)}",
                )
            )
        return shown


def shapes_at(
    inputs: Mapping[str, tuple[Axis, ...]], free: Mapping[str, int]
) -> dict[str, Shape]:
    """The shape of each input, with the sizes of `free` for its free axes."""
    return {
        name: tuple(free[a.name] if a.size is None else a.size for a in axes)
        for name, axes in inputs.items()
    }


def run(
    graph: Graph,
    shapes: Mapping[str, Shape],
    free: Mapping[str, int],
    blocks: dict[int, Block],
) -> Run:
    """Walk the graph at these input shapes; raises `Failed` at the first node that cannot run."""
    walk = Run(graph, free, blocks)
    with torch.no_grad(), torch.device("meta"):
        try:
            tensors = {name: torch.empty(shape) for name, shape in shapes.items()}
        except RuntimeError:
            message = (
                f"no tensor is as large as {', '.join(map(show, shapes.values()))}"
            )
            where = graph.where_input()
            raise GraphError(
                message, code="E207", where=where, help="give smaller sizes"
            ) from None
        for name, tensor in tensors.items():
            walk.stored[name] = (tensor, "an input")
        x = next(iter(tensors.values()))
        for node in graph.nodes:
            came = tuple(x.shape)
            _enter(walk, node, came)
            if isinstance(node, Layer):
                x, config = _layer(walk, node, x)
            else:
                x = _skip(walk, node, x)
                config = None
            walk.steps.append(Step(node, config, came, tuple(x.shape)))
            if isinstance(node, Layer):
                walk.origin = f"after {node.spec.name}, {walk.line(node.where)}"
        walk.outputs = {
            key: tuple(walk.stored[key][0].shape) for key in graph.outputs
        } or {"y": tuple(x.shape)}
    return walk


def _enter(walk: Run, node: Layer | Skip, came: Shape) -> None:
    """Hold the tensor that reaches a sub-graph against its `input:`."""
    for entry in node.entries:
        fixed = [axis.size for axis in entry.axes]
        if len(fixed) != len(came) or any(
            size not in (None, n) for size, n in zip(fixed, came, strict=True)
        ):
            asked = " ".join(map(str, entry.axes))
            facts = [("here", f"{walk.shape(came)}   {walk.origin}"), ("asked", asked)]
            message = f"{entry.file} does not take this tensor"
            hint = "change the layers before it, or its `input:`"
            raise walk.error("E209", node, message, facts, hint, where=entry.where)


def _layer(walk: Run, node: Layer, x: Tensor) -> tuple[Tensor, BlockConfig]:
    spec = node.spec
    inputs = [x, *(walk.stored[key][0] for key in node.further)]
    origins = [walk.origin, *(walk.stored[key][1] for key in node.further)]
    here = [
        ("with" if i else "here", f"{walk.shape(tensor.shape)}   {origin}")
        for i, (tensor, origin) in enumerate(zip(inputs, origins, strict=True))
    ]
    shapes = [tuple(tensor.shape) for tensor in inputs]
    if node.first:
        given = walk.configs.get(node.name, node.config)
    else:
        given = node.config
    try:
        axes = spec.contract.bind(shapes, given.resolve(_axes_of(node, shapes)))
    except ContractError as error:
        facts = [*here, ("contract", spec.contract.text)]
        message = f"{spec.name} {error}".replace(show(shapes[0]), walk.shape(x.shape))
        raise walk.error(
            "E201", node, message, facts, _way_out(spec.contract, shapes)
        ) from None
    _refuse_contradiction(walk, node, given, axes, here)
    config = given.resolve(axes)
    walk.configs.setdefault(node.name, config)
    y = _call(walk, node, config, inputs, here)
    if not isinstance(y, Tensor):
        facts = [*here, ("made", type(y).__name__)]
        message = f"{spec.name} did not make one tensor"
        hint = "a layer of a chain has one output"
        raise walk.error("E205", node, message, facts, hint)
    promised = spec.contract.predict(axes, config)[0]
    if not meets(tuple(y.shape), promised):
        facts = [
            *here,
            ("promised", walk.shape(promised or ())),
            ("made", walk.shape(y.shape)),
        ]
        raise walk.error(
            "E205",
            node,
            f"{spec.name} breaks its own contract",
            facts,
            "report it to the block's author",
        )
    return y, config


def _call(
    walk: Run,
    node: Layer,
    config: BlockConfig,
    inputs: list[Tensor],
    here: list[tuple[str, str]],
) -> Any:
    """What the block makes of the inputs, on the meta device."""
    index = len(walk.steps)
    try:
        block = walk.blocks.get(index)
        if block is None or block.__dict__.get("_probed") != config:
            block = build(node.spec, config).eval()
            block.__dict__["_probed"] = config
            walk.blocks[index] = block
        return block(*inputs)
    except Exception as error:  # torch and the blocks of others raise all kinds
        facts = [*here, ("torch", words_of(error))]
        message = f"{node.spec.name} cannot run on this tensor"
        hint = "change its config or the sizes"
        raise walk.error("E204", node, message, facts, hint) from error


def _way_out(contract: Contract, shapes: Sequence[Shape]) -> str:
    """The next step where the axes are not those of the contract."""
    if len(shapes) < len(contract.inputs):
        return (
            "give its further inputs by `with:`, the names of stored tensors or inputs"
        )
    if len(shapes[0]) != len(contract.inputs[0]):
        return "take the block for these axes, or move them first: Permute, Squeeze, UnSqueeze, Flatten, Mean"
    return "change the layers before, so that they make such an axis"


def _axes_of(node: Layer, shapes: Sequence[Shape]) -> Axes:
    """Axes bound without looking at the config: what -1 fields resolve to before the contract is checked with them."""
    try:
        return node.spec.contract.bind(shapes)
    except ContractError:
        return {}


def words_of(error: Exception) -> str:
    """The first line of what an exception says, its kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _refuse_contradiction(
    walk: Run, node: Layer, config: BlockConfig, axes: Axes, here: list[tuple[str, str]]
) -> None:
    for name, mark in config.inferred().items():
        given = getattr(config, name)
        size = axes.get(mark.axis)
        if given not in (INFER, size) and size is not None and node.first:
            made_for = f"'{node.name}' has weights for {mark.axis}={quoted(given)}"
            message = f"{made_for}, but {mark.axis} is {quoted(size)} here"
            facts = [*here, ("weights", f"of {walk.line(node.first.where)}")]
            raise walk.error(
                "E208", node, message, facts, "reuse it on tensors of the same sizes"
            )
        if (
            isinstance(given, int)
            and isinstance(size, int)
            and given not in (INFER, size)
        ):
            message = f"{node.spec.name}: '{name}' is {quoted(given)}, but {mark.axis} is {size} here"
            where = node.source.value((*node.steps, name))
            raise walk.error(
                "E202",
                node,
                message,
                here,
                f"leave '{name}' out: it is inferred",
                where,
            )


def _skip(walk: Run, node: Skip, x: Tensor) -> Tensor:
    if node.op == "StoreAs":
        walk.stored[node.keys[0]] = (
            x,
            f"by StoreAs, {walk.line(node.where)}" if not node.made else walk.origin,
        )
        return x
    if node.op == "StartFrom":
        x, walk.origin = walk.stored[node.keys[0]]
        return x
    for key in node.keys:
        other, origin = walk.stored[key]
        problem = fits(node.op, tuple(x.shape), tuple(other.shape), node.fit)
        if problem:
            facts = [
                ("here", f"{walk.shape(x.shape)}   {walk.origin}"),
                ("stored", f"{walk.shape(other.shape)}   {origin}"),
            ]
            if node.made:
                label = "branch"
            else:
                label = f"{node.op} '{key.removeprefix(node.prefix)}'"
            if node.made:
                hint = _branch_remedy(x, other)
            else:
                hint = _remedy(walk, x, other)
            raise walk.error("E203", node, f"{label}: {problem}", facts, hint)
    try:
        return join(node.op, [x, *(walk.stored[key][0] for key in node.keys)], node.fit)
    except RuntimeError as error:  # larger than torch can count
        facts = [
            ("here", f"{walk.shape(x.shape)}   {walk.origin}"),
            ("torch", words_of(error)),
        ]
        raise walk.error(
            "E204",
            node,
            f"{node.op} cannot make this tensor",
            facts,
            "let it join less",
        ) from None


def _branch_remedy(x: Tensor, other: Tensor) -> str:
    """The next step where the ends of a branch do not fit."""
    if x.ndim != other.ndim:
        return "let its paths end with the same number of axes"
    if x.shape[2:] == other.shape[2:]:
        return (
            "let its paths end with the same number of channels, or write `join: cat`"
        )
    return "add `fit: crop` or `fit: pad` below it, or let its paths keep the sizes"


def _remedy(walk: Run, x: Tensor, other: Tensor) -> str:
    """The next step: another place to store, or a fit, or equal channels."""
    if x.ndim != other.ndim:
        return "store before the layer that changed the number of axes"
    if x.shape[2:] == other.shape[2:]:
        conv = {3: "Conv1d", 4: "Conv2d"}.get(x.ndim)
        if conv:
            return f"put a {conv} with out_channels: {other.shape[1]} before it, or use CatWith"
        return "use CatWith"
    for step in walk.steps:
        if isinstance(step.node, Layer) and (step.came[2:], step.went[2:]) == (
            x.shape[2:],
            other.shape[2:],
        ):
            return f"add `fit: crop`, or store before the {step.node.spec.name} on {walk.line(step.node.where)}"
        if isinstance(step.node, Layer) and (step.went[2:], step.came[2:]) == (
            x.shape[2:],
            other.shape[2:],
        ):
            return f"add `fit: crop`, or join before the {step.node.spec.name} on {walk.line(step.node.where)}"
    return "add `fit: crop` or `fit: pad`"
