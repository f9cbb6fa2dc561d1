"""Sizes of every tensor in a graph, found by running it on the meta device: no weights, no arithmetic.

`run` sends one set of input sizes through the graph, resolves every -1 on the way and holds each block against its
contract. Which sizes stay free is found by a second run at other sizes (`compile.probe`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import GraphError
from ..registry import INFER, Block, BlockConfig, build
from ..shapes import Axes, Contract, ContractError, Shape, meets, show
from .configs import quoted
from .join import fits, join
from .schema import Graph, Layer, Skip

TABLE_ROWS = 6


class Failed(Exception):
    """A run that stopped at node `index`; `error` is what the user reads."""

    def __init__(self, index: int, error: GraphError) -> None:
        super().__init__(index)
        self.index, self.error = index, error


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
    blocks: dict[int, Block]  # meta blocks of an earlier run, reused where the config is the same
    steps: list[Step] = field(default_factory=list)
    stored: dict[str, tuple[Tensor, str]] = field(default_factory=dict)

    def shape(self, sizes: Sequence[int | None]) -> str:
        """Sizes as the user reads them: B for a batch whose size was chosen here, ? for what only torch knows."""
        batch = self.free.get("B")
        return show(["B" if i == 0 and n == batch else "?" if n is None else n for i, n in enumerate(sizes)])

    def origin(self) -> str:
        layers = [step.node for step in self.steps if isinstance(step.node, Layer)]
        return f"after {layers[-1].spec.name}, line {layers[-1].where.line}" if layers else "the input"

    def error(
        self, code: str, node: Layer | Skip, message: str, facts: list[tuple[str, str]], help: str | None, key: str = ""
    ) -> Failed:
        """The message with the place, the facts, the sizes chosen for free axes and the table of layers before."""
        chosen = ", ".join(f"{name}={size}" for name, size in self.free.items() if name != "B")
        rows = [*facts, *([("sizes", f"tried with {chosen}")] if chosen else []), *self.table()]
        source = self.graph.source
        where = source.value((*node.steps, key)) if key else node.where
        return Failed(len(self.steps), GraphError(message, code=code, where=where, facts=rows, help=help))

    def table(self) -> list[tuple[str, str]]:
        """The last layers before this one: line, block, shape."""
        rows = [step for step in self.steps if isinstance(step.node, Layer)][-TABLE_ROWS:]
        shown = []
        for step in rows:
            assert isinstance(step.node, Layer)
            shown.append((f"line {step.node.where.line}", f"{step.node.spec.name} -> {self.shape(step.went)}"))
        return shown


def run(graph: Graph, shapes: Mapping[str, Shape], free: Mapping[str, int], blocks: dict[int, Block]) -> list[Step]:
    """Walk the graph at these input shapes; raises `Failed` at the first node that cannot run."""
    walk = Run(graph, free, blocks)
    with torch.no_grad(), torch.device("meta"):
        try:
            tensors = {name: torch.empty(shape) for name, shape in shapes.items()}
        except RuntimeError:
            message, where = f"no tensor is as large as {', '.join(map(show, shapes.values()))}", graph.where_input()
            raise GraphError(message, code="E207", where=where, help="give smaller sizes") from None
        for name, tensor in tensors.items():
            walk.stored[name] = (tensor, "an input")
        x = next(iter(tensors.values()))
        for index, node in enumerate(graph.nodes):
            came = tuple(x.shape)
            x, config = _layer(walk, index, node, x) if isinstance(node, Layer) else (_skip(walk, node, x), None)
            walk.steps.append(Step(node, config, came, tuple(x.shape)))
    return walk.steps


def _layer(walk: Run, index: int, node: Layer, x: Tensor) -> tuple[Tensor, BlockConfig]:
    spec = node.spec
    here = [("here", f"{walk.shape(x.shape)}   {walk.origin()}")]
    try:
        axes = spec.contract.bind([tuple(x.shape)], node.config.resolve(_axes_of(node, x)))
    except ContractError as error:
        facts = [*here, ("contract", spec.contract.text)]
        message = f"{spec.name} {error}".replace(show(tuple(x.shape)), walk.shape(x.shape))
        raise walk.error("E201", node, message, facts, _way_out(spec.contract, x)) from None
    _refuse_contradiction(walk, node, axes, here)
    config = node.config.resolve(axes)
    try:
        block = walk.blocks.get(index)
        if block is None or block.__dict__.get("_probed") != config:
            block = build(spec, config).eval()
            block.__dict__["_probed"] = config
            walk.blocks[index] = block
        y = block(x)
    except Exception as error:  # torch and the blocks of others raise all kinds
        facts = [*here, ("torch", words_of(error))]
        message, hint = f"{spec.name} cannot run on this tensor", "change its config or the sizes"
        raise walk.error("E204", node, message, facts, hint) from error
    if not isinstance(y, Tensor):
        facts = [*here, ("made", type(y).__name__)]
        message, hint = f"{spec.name} did not make one tensor", "a layer of a chain has one output"
        raise walk.error("E205", node, message, facts, hint)
    promised = spec.contract.predict(axes, config)[0]
    if not meets(tuple(y.shape), promised):
        facts = [*here, ("promised", walk.shape(promised or ())), ("made", walk.shape(y.shape))]
        raise walk.error("E205", node, f"{spec.name} breaks its own contract", facts, "report it to the block's author")
    return y, config


def _way_out(contract: Contract, x: Tensor) -> str:
    """The next step where the axes are not those of the contract."""
    if x.ndim != len(contract.inputs[0]):
        return "take the block for these axes, or move them first: Permute, Squeeze, UnSqueeze, Flatten, Mean"
    return "change the layers before, so that they make such an axis"


def _axes_of(node: Layer, x: Tensor) -> Axes:
    """Axes bound without looking at the config: what -1 fields resolve to before the contract is checked with them."""
    try:
        return node.spec.contract.bind([tuple(x.shape)])
    except ContractError:
        return {}


def words_of(error: Exception) -> str:
    """The first line of what an exception says, its kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _refuse_contradiction(walk: Run, node: Layer, axes: Axes, here: list[tuple[str, str]]) -> None:
    for name, mark in node.config.inferred().items():
        given, size = getattr(node.config, name), axes.get(mark.axis)
        if isinstance(given, int) and isinstance(size, int) and given not in (INFER, size):
            message = f"{node.spec.name}: '{name}' is {quoted(given)}, but {mark.axis} is {size} here"
            raise walk.error("E202", node, message, here, f"leave '{name}' out: it is inferred", key=name)


def _skip(walk: Run, node: Skip, x: Tensor) -> Tensor:
    if node.op == "StoreAs":
        walk.stored[node.key] = (x, f"by StoreAs, line {node.where.line}")
        return x
    other, origin = walk.stored[node.key]
    problem = fits(node.op, tuple(x.shape), tuple(other.shape), node.fit)
    if problem:
        facts = [
            ("here", f"{walk.shape(x.shape)}   {walk.origin()}"),
            ("stored", f"{walk.shape(other.shape)}   {origin}"),
        ]
        hint = _remedy(walk, x, other)
        raise walk.error("E203", node, f"{node.op} '{node.key}': {problem}", facts, hint)
    return join(node.op, x, other, node.fit)


def _remedy(walk: Run, x: Tensor, other: Tensor) -> str:
    """The next step: another place to store, or a fit, or equal channels."""
    if x.ndim != other.ndim:
        return "store before the layer that changed the number of axes"
    if x.shape[2:] == other.shape[2:]:
        conv = {3: "Conv1d", 4: "Conv2d"}.get(x.ndim)
        return f"put a {conv} with out_channels: {other.shape[1]} before it, or use CatWith" if conv else "use CatWith"
    for step in walk.steps:
        if isinstance(step.node, Layer) and (step.came[2:], step.went[2:]) == (x.shape[2:], other.shape[2:]):
            return f"add `fit: crop`, or store before the {step.node.spec.name} on line {step.node.where.line}"
        if isinstance(step.node, Layer) and (step.went[2:], step.came[2:]) == (x.shape[2:], other.shape[2:]):
            return f"add `fit: crop`, or join before the {step.node.spec.name} on line {step.node.where.line}"
    return "add `fit: crop` or `fit: pad`"
