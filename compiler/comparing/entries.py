"""The nodes and skips of a graph, as far as two graphs are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...shapes import show
from ..language.graph import Graph
from ..language.layer_text import layer_line
from ..language.nodes import Layer, Skip
from ..module import GraphModule, count_parameters
from ..operations import NodeInfo

WORDS_OF_A_BRANCH = {"StoreAs": "branch", "StartFrom": "next path of the branch"}


@dataclass(frozen=True)
class Side:
    """One of the two graphs: its form, its module where it compiles, its sections (defaults included, or as given)."""

    graph: Graph
    model: GraphModule | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A node or a skip of one graph.

    name    of a node as the user named it, else ""; of a skip its keys
    text    as a graph file has it
    shapes  what comes in and what goes out, where the graph compiles
    """

    block: str
    name: str
    fields: Mapping[str, Any]
    line: int = field(compare=False)
    text: str = field(compare=False)
    skip: bool = False
    shapes: tuple[str, str] | None = field(default=None, compare=False)
    parameters: int = field(default=0, compare=False)

    @property
    def words(self) -> str:
        """For people: "Conv2d 'head'", "CatWith 'E1'"."""
        if self.name:
            return f"{self.block} '{self.name}'"
        return self.block

    @property
    def identity(self) -> tuple[str, ...]:
        """What it is known by in both graphs."""
        if self.skip:
            return (self.block, self.name)
        if self.name:
            return ("", self.name)
        return (self.block, repr(self.fields))


def entries(side: Side, sizes: bool) -> list[Entry]:
    """All of a graph in order; with `sizes` also the shapes and the parameters."""
    infos = iter(side.model.nodes if side.model and sizes else ())
    found = []
    for node in side.graph.nodes:
        if isinstance(node, Layer):
            found.append(_layer(node, next(infos, None), side.model))
        else:
            found += _skip(node)
    return found


def _layer(node: Layer, info: NodeInfo | None, model: GraphModule | None) -> Entry:
    shapes = (show(info.came), show(info.went)) if info else None
    line = node.where.line
    if node.first:
        text = layer_line(node, named=True)
        return Entry("Reuse", node.name, {}, line, text, skip=True, shapes=shapes)
    name = _own_name(node)
    count = 0
    if model and info:
        count = count_parameters(model.get_submodule(node.name))
    return Entry(
        node.spec.name,
        name,
        _fields(node),
        line,
        layer_line(node, bool(name)),
        shapes=shapes,
        parameters=count,
    )


def _fields(node: Layer) -> dict[str, Any]:
    """The config without the sizes that follow from the layers before: those show in the shapes."""
    inferred = node.config.inferred()
    given = node.config.model_dump().items()
    fields = {key: value for key, value in given if key not in inferred}
    if node.given_with:
        fields["with"] = node.given_with
    return fields


def _own_name(node: Layer) -> str:
    """The name that the user gave; "" for the compiler's own, such as conv2d_1, which says nothing."""
    last = node.name.rpartition(".")[2]
    if re.fullmatch(rf"{re.escape(node.spec.name.lower())}_\d+", last):
        return ""
    return node.name


def _skip(node: Skip) -> Iterator[Entry]:
    """One of the user's own as it stands; of those that the compiler made, what a branch consists of, in words."""
    fields = {} if node.op in ("StoreAs", "StartFrom") else {"fit": node.fit}
    line = node.where.line
    if not node.made:
        name = ", ".join(node.keys)
        text = layer_line(node, named=False)
        yield Entry(node.op, name, fields, line, text, skip=True)
        return
    # What a branch stores at the end of a path only feeds its join; `outputs:` are compared by themselves.
    inner = node.keys[0].rpartition("/")[2]
    if inner == "in" or fields:
        words = WORDS_OF_A_BRANCH.get(node.op, f"{node.op} of the branch")
        yield Entry(words, "", fields, line, words, skip=True)
