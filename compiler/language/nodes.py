"""The nodes of a graph: layers and skips, each with its config and its place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import GraphError, MirbricksError, Where
from ...registry import BlockConfig, Spec
from ..operations import Round
from .forms import Entry
from .source import Source, Steps


@dataclass(frozen=True)
class Layer:
    """A block in the chain, with its config as the file gives it."""

    spec: Spec
    config: BlockConfig
    name: str
    steps: Steps
    where: Where
    source: Source = field(repr=False)
    # Stored tensors that are its further inputs: those of `with`, then those that fields name.
    further: tuple[str, ...] = ()
    # The node whose weights it uses again.
    first: Layer | None = field(default=None, repr=False)
    entries: tuple[Entry, ...] = ()
    prefix: str = ""
    rounds: tuple[Round, ...] = ()

    @property
    def given_with(self) -> tuple[str, ...]:
        """The further inputs that no field of the config names."""
        return self.further[: len(self.further) - len(self.config.stored())]

    def asks_by(self, key: str) -> str:
        """The key of the file under which a further input is named: `with`, or a field."""
        fields = {stored: name for name, stored in self.config.stored().items()}
        if key in self.given_with:
            return "with"
        return fields.get(key, "with")


class Join(BlockConfig):
    """Fields of CatWith, AddWith and MulWith."""

    key: str | tuple[str, ...]
    fit: Literal["error", "crop", "pad"] = "error"


@dataclass(frozen=True)
class Skip:
    """StoreAs, StartFrom, CatWith, AddWith or MulWith."""

    op: str
    keys: tuple[str, ...]
    fit: str
    steps: Steps
    where: Where
    source: Source = field(repr=False)
    entries: tuple[Entry, ...] = ()
    made: bool = False
    prefix: str = ""
    rounds: tuple[Round, ...] = ()


def refuse_nested_names(
    nodes: Sequence[Layer | Skip], errors: list[MirbricksError]
) -> None:
    """A node `enc` beside a node `enc.conv` would be a module inside a block."""
    layers = {node.name: node for node in nodes if isinstance(node, Layer)}
    for name, node in layers.items():
        # The outermost of the nodes around it is reported: renaming that one may
        # settle several mistakes at once.
        parts = name.split(".")
        around = [".".join(parts[:n]) for n in range(1, len(parts))]
        outer = next((one for one in around if one in layers), None)
        if outer:
            where = node.source.value((*node.steps, "name"))
            message = f"'{name}' would lie inside the node '{outer}' on line {layers[outer].where.line}"
            errors.append(
                GraphError(message, code="E111", where=where, help="rename one of them")
            )
