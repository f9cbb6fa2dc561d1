"""The difference of two graphs, node by node: what was added, removed, moved, and which fields changed.

Nodes that the user named are matched by name, the others by the best alignment of the two chains. Sizes are compared
where both graphs compile; a size that only follows from a change before it is counted and not listed node by node,
unless the node's weights change with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...fields import quoted
from ..module import count_parameters
from .entries import Entry, Side, entries
from .matching import matches

# What, in A, in B; None where it is not there.
Fact = tuple[str, "str | None", "str | None"]


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
    parameters = None
    if a.model and b.model:
        parameters = (count_parameters(a.model), count_parameters(b.model))
    with_sizes = parameters is not None
    changes = list(_changes(entries(a, with_sizes), entries(b, with_sizes)))
    shown = tuple(change for change in changes if change.sign)
    return Diff(
        head=tuple(_heads(a, b)),
        nodes=shown,
        sections=tuple(_differing(dict(_flat(a.sections)), dict(_flat(b.sections)))),
        only_sizes=len(changes) - len(shown),
        parameters=parameters,
    )


def _changes(old: Sequence[Entry], new: Sequence[Entry]) -> Iterator[Change]:
    """In the order of B, what A alone has where it stood; of nodes that differ in sizes only, a change without sign."""
    stayed, moved = matches(old, new)
    # Each change with the place in B that it is printed at: what A alone has comes before what stands there in B.
    placed: list[tuple[int, int, int, Change]] = []
    for i, j in (stayed | moved).items():
        change = _change(old[i], new[j], i in moved)
        if change:
            placed.append((j, 1, old[i].line, change))
    for j in set(range(len(new))) - {*stayed.values(), *moved.values()}:
        placed.append((j, 1, 0, Change("+", new[j].text, None, new[j].line)))
    for i in set(range(len(old))) - {*stayed, *moved}:
        at = 1 + max((j for k, j in stayed.items() if k < i), default=-1)
        line = old[i].line
        placed.append((at, 0, line, Change("-", old[i].text, line, None)))
    for *_, change in sorted(placed, key=lambda one: one[:3]):
        yield change


def _change(a: Entry, b: Entry, moved: bool) -> Change | None:
    """What differs between two entries that stand for one another; None where nothing does."""
    facts = tuple(_facts(a, b))
    if not facts and not moved:
        return None
    shapes_only = all(what in ("in", "out") for what, _, _ in facts)
    if moved:
        sign = ">"
    elif shapes_only and a.parameters == b.parameters:
        sign = ""
    else:
        sign = "~"
    return Change(sign, b.words, a.line, b.line, facts)


def _facts(a: Entry, b: Entry) -> Iterator[Fact]:
    yield from _differing(
        {"block": a.block, "name": a.name or None},
        {"block": b.block, "name": b.name or None},
    )
    both = a.fields.keys() & b.fields.keys()
    same = {key for key in both if _equivalent(a.fields[key], b.fields[key])}
    yield from _differing(_quoted(a, same), _quoted(b, same))
    if a.shapes and b.shapes:
        (in_a, out_a), (in_b, out_b) = a.shapes, b.shapes
        yield from _differing({"in": in_a, "out": out_a}, {"in": in_b, "out": out_b})


def _quoted(entry: Entry, without: set[str]) -> dict[str, str]:
    fields = entry.fields.items()
    return {key: quoted(value) for key, value in fields if key not in without}


def _equivalent(x: Any, y: Any) -> bool:
    """Whether two values mean the same: torch reads a kernel of 5 as (5, 5)."""
    if x == y:
        return True
    one, several = (y, x) if isinstance(x, tuple) else (x, y)
    if not isinstance(several, tuple) or not isinstance(one, int):
        return False
    return set(several) == {one}


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
    """The axes of each input as `input:` writes them: "B C=6 F=360 T"."""
    texts = {name: " ".join(axes) for name, axes in _axes(side).items()}
    if len(texts) == 1:
        (text,) = texts.values()
        return {"input": text}
    return {f"input {name}": text for name, text in texts.items()}


def _axes(side: Side) -> dict[str, list[str]]:
    if not side.model:
        inputs = side.graph.inputs.items()
        return {
            name: [_axis(axis.name, axis.size) for axis in axes]
            for name, axes in inputs
        }
    names = side.model.axis_names
    shapes = side.model.input_shapes.items()
    return {name: list(map(_axis, names[name], shape)) for name, shape in shapes}


def _axis(name: str, size: int | str | None) -> str:
    """With its size where that is fixed."""
    if isinstance(size, int):
        return f"{name}={size}"
    return name


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Nested values under dotted names: train.lr."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", quoted(value)
