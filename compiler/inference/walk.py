"""The state of one walk over a graph at given sizes, and the messages that are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ...errors import Edit, GraphError, Where
from ...registry import BlockConfig
from ...shapes import Shape, show
from ..language.graph import Graph
from ..language.nodes import Layer, Skip
from .remembered import Remembered

TABLE_ROWS = 6
Facts = list[tuple[str, str]]
Misfit = Mapping[int, tuple[int, int]]
AxisNames = tuple[str | None, ...]


class Failed(Exception):
    """A run that stopped at node `index`; `error` is what the user reads.

    Where a skip does not fit, `misfit` has the size of the tensor at hand and of the stored one for each axis that
    differs, and for axis -1 how many axes they have.
    """

    def __init__(
        self, index: int, error: GraphError, misfit: Misfit | None = None
    ) -> None:
        super().__init__(index)
        self.index = index
        self.error = error
        self.misfit = misfit


@dataclass(frozen=True)
class Step:
    """One node with the sizes of a run; `joined` are those of the stored tensors that a join takes."""

    node: Layer | Skip
    config: BlockConfig | None
    came: Shape
    went: Shape
    joined: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Stored:
    """A tensor kept under a name: where it is from, in words, and what is known of its axes."""

    tensor: Tensor
    origin: str
    axes: AxisNames = ()
    line: str | None = None  # of its StoreAs; None for an input


@dataclass
class Run:
    """The state of one walk over the graph."""

    graph: Graph
    free: Mapping[str, int]  # sizes chosen for free axes, for messages
    remembered: Remembered
    steps: list[Step] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    # The resolved configs by name, for nodes that run again.
    configs: dict[str, BlockConfig] = field(default_factory=dict)
    outputs: dict[str, Shape] = field(default_factory=dict)
    # Of the tensor at hand: where it is from, for messages, and the names of its axes.
    origin: str = "the input"
    axes: AxisNames = ()

    def shape(self, sizes: Sequence[int | None]) -> str:
        """Sizes as the user reads them: B for a batch whose size was chosen here, ? for what only torch knows."""
        words: list[object] = ["?" if size is None else size for size in sizes]
        if sizes and sizes[0] == self.free.get("B"):
            words[0] = "B"
        return show(words)

    def line(self, where: Where) -> str:
        """A line of the graph; with its file where that is another one."""
        if where.file != self.graph.source.file:
            return f"{where.file.rpartition('/')[2]} line {where.line}"
        return f"line {where.line}"

    def error(
        self,
        code: str,
        node: Layer | Skip,
        message: str,
        facts: Facts,
        help: str | None,
        where: Where | None = None,
        edits: Sequence[Edit] = (),
    ) -> Failed:
        """The message with the place, the facts, the sizes chosen for free axes and the table of layers before."""
        rows = list(facts)
        sizes = {name: size for name, size in self.free.items() if name != "B"}
        if sizes:
            chosen = ", ".join(f"{name}={size}" for name, size in sizes.items())
            rows.append(("sizes", f"tried with {chosen}"))
        rows += self.table()
        error = GraphError(
            message,
            code=code,
            where=where or node.where,
            facts=rows,
            help=help,
            edits=edits,
        )
        return Failed(len(self.steps), error)

    def table(self) -> Facts:
        """The last layers before this one: line, block, shape."""
        rows = []
        for step in self.steps:
            if isinstance(step.node, Layer):
                made = f"{step.node.spec.name} -> {self.shape(step.went)}"
                rows.append((self.line(step.node.where), made))
        return rows[-TABLE_ROWS:]
