"""The difference of two graphs, node by node: what was added, removed, moved, and which fields changed.

Nodes that the user named are matched by name, the others by the best alignment of the two chains. Sizes are compared
where both graphs compile; a size that only follows from a change before it is counted and not told node by node,
unless the node's weights change with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...fields import quoted
from ...shapes import show
from ..language.graph import Graph
from ..language.layer_text import layer_line
from ..language.nodes import Layer, Skip
from ..module import GraphModule
from ..operations import NodeInfo
from .alignment import align

NAMED = 8
EQUAL = 3
ALIKE = 1
Fact = tuple[
    str, "str | None", "str | None"
]  # what, in A, in B; None where it is not there


@dataclass(frozen=True)
class Side:
    """One of the two graphs: its form, its module where it compiles, its sections (defaults included, or as given)."""

    graph: Graph
    model: GraphModule | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A node or a skip of one graph, as far as it is compared."""

    block: str
    name: str  # of a node as the user named it, else ""; of a skip its keys
    fields: Mapping[str, Any]
    line: int = field(compare=False)
    text: str = field(compare=False)  # as a graph file has it
    skip: bool = False
    shapes: tuple[str, str] | None = field(default=None, compare=False)  # in, out
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


@dataclass(frozen=True)
class Change:
    """A node that differs: `sign` is "+" (in B only), "-" (in A only), "~" (changed) or ">" (moved)."""

    sign: str
    what: str
    line_a: int | None
    line_b: int | None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Diff:
    """All that differs from A to B; `only_sizes` nodes differ in nothing but sizes that follow from other changes."""

    head: tuple[Fact, ...]
    nodes: tuple[Change, ...]
    sections: tuple[Fact, ...]
    only_sizes: int
    parameters: tuple[int, int] | None  # None where one of them does not compile

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.head or self.nodes or self.sections or self.only_sizes)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"same": self.same, **asdict(self)}


def diff_graphs(a: Side, b: Side) -> Diff:
    """What changes from graph `a` to graph `b`; of their forms only, where one of them has no module."""
    sizes = None
    if a.model and b.model:
        counts = [
            sum(p.numel() for p in model.parameters()) for model in (a.model, b.model)
        ]
        sizes = (counts[0], counts[1])
    old = _entries(a, sizes is not None)
    new = _entries(b, sizes is not None)
    changes = list(_changes(old, new))
    told = tuple(change for change in changes if change.sign)
    sections = tuple(_differing(dict(_flat(a.sections)), dict(_flat(b.sections))))
    return Diff(tuple(_heads(a, b)), told, sections, len(changes) - len(told), sizes)


def _entries(side: Side, sizes: bool) -> list[Entry]:
    infos = iter(side.model.nodes if side.model and sizes else ())
    entries = []
    for node in side.graph.nodes:
        if isinstance(node, Layer):
            entries.append(_layer(node, next(infos, None), side))
        else:
            entries += _skip(node)
    return entries


def _layer(node: Layer, info: NodeInfo | None, side: Side) -> Entry:
    """The config is told without the sizes that follow from the layers before: they show in the shapes."""
    if info:
        shapes = (show(info.came), show(info.went))
    else:
        shapes = None
    inferred = node.config.inferred()
    line = node.where.line
    if node.first:
        return Entry(
            "Reuse",
            node.name,
            {},
            line,
            layer_line(node, named=True),
            skip=True,
            shapes=shapes,
        )
    fields = {
        key: value
        for key, value in node.config.model_dump().items()
        if key not in inferred
    }
    fields |= {"with": node.further} if node.further else {}
    weights = (
        side.model.get_submodule(node.name).parameters() if side.model and info else ()
    )
    count = sum(p.numel() for p in weights)
    name = _own_name(node)
    return Entry(
        node.spec.name,
        name,
        fields,
        line,
        layer_line(node, bool(name)),
        shapes=shapes,
        parameters=count,
    )


def _own_name(node: Layer) -> str:
    """The name that the user gave; "" for the compiler's own, such as conv2d_1, which tells nothing."""
    last = node.name.rpartition(".")[2]
    if re.fullmatch(rf"{re.escape(node.spec.name.lower())}_\d+", last):
        return ""
    return node.name


def _skip(node: Skip) -> Iterator[Entry]:
    """Of those that the compiler made, what a branch consists of in words; `outputs:` are told by themselves."""
    if node.op in ("StoreAs", "StartFrom"):
        fields = {}
    else:
        fields = {"fit": node.fit}
    words = node.op
    inner = node.keys[0].rpartition("/")[2]
    if node.made:
        words = {"StoreAs": "branch", "StartFrom": "next path of the branch"}.get(
            node.op, f"{node.op} of the branch"
        )
    if not node.made or inner == "in" or fields:
        if node.made:
            name = ""
            text = words
        else:
            name = ", ".join(node.keys)
            text = layer_line(node, named=False)
        yield Entry(words, name, fields, node.where.line, text, skip=True)


def _changes(old: Sequence[Entry], new: Sequence[Entry]) -> Iterator[Change]:
    """In the order of B, what A alone has where it stood; of nodes that differ in sizes only, a change without sign."""
    stayed, moved = _matches(old, new)
    lines = []
    for i, j in (stayed | moved).items():
        facts = tuple(_facts(old[i], new[j]))
        only_sizes = old[i].parameters == new[j].parameters and all(
            fact[0] in ("in", "out") for fact in facts
        )
        if facts or i in moved:
            if i in moved:
                sign = ">"
            else:
                if only_sizes:
                    sign = ""
                else:
                    sign = "~"
            lines.append(
                ((j, 1), Change(sign, new[j].words, old[i].line, new[j].line, facts))
            )
    for j in set(range(len(new))) - {*stayed.values(), *moved.values()}:
        lines.append(((j, 1), Change("+", new[j].text, None, new[j].line)))
    for i in set(range(len(old))) - {*stayed, *moved}:
        at = 1 + max((j for k, j in stayed.items() if k < i), default=-1)
        lines.append(((at, 0), Change("-", old[i].text, old[i].line, None)))
    yield from (
        change
        for _, change in sorted(lines, key=lambda pair: (pair[0], pair[1].line_a or 0))
    )


def _matches(
    old: Sequence[Entry], new: Sequence[Entry]
) -> tuple[dict[int, int], dict[int, int]]:
    """Entries of A and those of B that stand for them: in order, and moved."""
    stayed = align(old, new, _likeness(old, new))
    moved: dict[int, int] = {}
    lost = {i: entry for i, entry in enumerate(old) if entry.name and i not in stayed}
    found = {
        j: entry
        for j, entry in enumerate(new)
        if entry.name and j not in stayed.values()
    }
    for i, entry in lost.items():
        same = next(
            (j for j, other in found.items() if other.identity == entry.identity), None
        )
        if same is not None:
            moved[i] = same
            del found[same]
    return stayed, moved


def _likeness(
    old: Sequence[Entry], new: Sequence[Entry]
) -> Callable[[Entry, Entry], int]:
    """How much an entry of A is one of B: its name counts most, then block and config, then the block alone."""
    both = {e.name for e in old} & {e.name for e in new}

    def likeness(a: Entry, b: Entry) -> int:
        if a.identity == b.identity:
            if a.name:
                return NAMED
            return EQUAL
        if a.block == b.block and not a.skip and not {a.name, b.name} & (both - {""}):
            return ALIKE
        return 0

    return likeness


def _facts(a: Entry, b: Entry) -> Iterator[Fact]:
    """What differs between two entries that stand for one another."""
    yield from _differing(
        {"block": a.block, "name": a.name or None},
        {"block": b.block, "name": b.name or None},
    )
    same = {
        key
        for key in a.fields.keys() & b.fields.keys()
        if _equivalent(a.fields[key], b.fields[key])
    }
    texts = [
        {key: quoted(value) for key, value in e.fields.items() if key not in same}
        for e in (a, b)
    ]
    yield from _differing(*texts)
    if a.shapes and b.shapes:
        yield from _differing(
            *(
                dict(zip(("in", "out"), e.shapes, strict=True))
                for e in (a, b)
                if e.shapes
            )
        )


def _equivalent(x: Any, y: Any) -> bool:
    """Whether two values mean the same: torch reads a kernel of 5 as (5, 5)."""
    if isinstance(x, tuple):
        one = y
        several = x
    else:
        one = x
        several = y
    return x == y or (
        isinstance(several, tuple) and isinstance(one, int) and set(several) == {one}
    )


def _differing(
    a: Mapping[str, str | None], b: Mapping[str, str | None]
) -> Iterator[Fact]:
    for key in dict.fromkeys([*a, *b]):
        if a.get(key) != b.get(key):
            yield key, a.get(key), b.get(key)


def _heads(a: Side, b: Side) -> Iterator[Fact]:
    """Name (where both files give one), inputs and outputs."""
    names = [side.graph.source.data.get("name") for side in (a, b)]
    if all(names):
        yield from _differing({"name": str(names[0])}, {"name": str(names[1])})
    yield from _differing(_inputs(a), _inputs(b))
    outputs = [{"outputs": ", ".join(side.graph.outputs) or None} for side in (a, b)]
    yield from _differing(*outputs)


def _inputs(side: Side) -> dict[str, str]:
    if side.model:
        names = side.model.axis_names
        pairs = {
            n: list(zip(names[n], shape, strict=True))
            for n, shape in side.model.input_shapes.items()
        }
    else:
        pairs = {
            n: [(axis.name, axis.size or axis.name) for axis in axes]
            for n, axes in side.graph.inputs.items()
        }
    texts = {
        n: " ".join(x if isinstance(s, str) else f"{x}={s}" for x, s in axes)
        for n, axes in pairs.items()
    }
    return {
        f"input {name}" if len(texts) > 1 else "input": text
        for name, text in texts.items()
    }


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Nested values under dotted names: train.lr."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", quoted(value)
