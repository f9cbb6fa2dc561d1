"""A picture of what is inside a block: `draw_block` gives a self-contained SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...registry import Spec, build
from ...shapes import show
from ..language.example import flow
from ..module import count_parameters
from .diagram import picture
from .inside_curve import curve
from .inside_cut import shortened
from .inside_trace import trace
from .inside_values import Call, Value, reordered
from .inside_words import FAMILY_OF, JOINS, ORDER, detail, is_join, outer, place
from .parts import Arc, Part, Size

LONGEST_EDGE = 20  # characters of two sizes, beside which an arc has its place


def draw_block(spec: Spec) -> str:
    """An SVG of the operations of a block's first example in eval(), with the sizes between them.

    The same block, drawn with the same torch, gives the same characters. Raises `RegistryError`
    where torch cannot export it.
    """
    calls, out = trace(spec)
    n_inputs = len(spec.examples[0].shapes)
    n_operations = len(calls) - n_inputs
    # Only of what keeps the size, such as an activation, is y a curve over x.
    points = curve(spec) if n_operations and out.size == calls[0].size else ()
    calls, out = shortened(calls, out)
    # The first input comes right before the operations, since the chain starts there.
    order = [*range(1, n_inputs), 0, *range(n_inputs, len(calls))]
    parts, arcs = _parts_and_arcs(*reordered(calls, order, out))
    operations = _counted(n_operations, "operation")
    words = f"{operations}, {_counted(_parameters(spec), 'parameter')}"
    config = spec.examples[0].config.items()
    given = ", ".join(f"{key}: {flow(value)}" for key, value in config)
    label = f"inside the block {spec.name}: {words}"
    return picture(spec.name, f"{words}\n{given}", label, parts, arcs, points)


def _counted(n: int, word: str) -> str:
    if n == 1:
        return f"1 {word}"
    return f"{n:,} {word}s"


def _parameters(spec: Spec) -> int:
    example = spec.examples[0]
    sizes = spec.contract.bind(example.shapes)
    config = spec.cls.Config(**example.config).resolve(sizes)
    return count_parameters(build(spec, config))


def _parts_and_arcs(calls: Sequence[Call], out: Value) -> tuple[list[Part], list[Arc]]:
    """A part per operation on one chain, and an arc for every tensor that the chain does not bring."""
    parts: list[Part] = []
    arcs: list[Arc] = []
    run = 0
    groups, common = outer(calls)
    for i, (call, group) in enumerate(zip(calls, groups, strict=True)):
        if call.name == "input":
            run += 1
            parts.append(replace(_input(call), run=run))
            continue
        chain = next((value for value in call.data if value.maker == i - 1), None)
        for value in call.data:
            arc = _arc(value, i, call, chain)
            if arc and arc not in arcs:
                arcs.append(arc)
        if not _belongs(call, chain, calls, groups, i):
            run += 1
        parts = _with_edge(parts, chain, calls)
        parts.append(replace(_part(call, group, common), run=run, cut=chain is None))
    last = out if out.maker == len(calls) - 1 else None
    if last is None and out.maker is not None:
        arcs.append(Arc(out.maker, len(calls), out.piece))
    parts = _with_edge(parts, last, calls, end=True)
    return [*parts, replace(_output(out), run=run + 1, cut=last is None)], arcs


def _input(call: Call) -> Part:
    tooltip = f"input '{call.path}'\n{show(call.size)}"
    size = call.size
    return Part("input", _size(size), tooltip, size, name=call.path, cut=True)


def _output(out: Value) -> Part:
    tooltip = f"output\n{show(out.size)}"
    return Part("output", _size(out.size), tooltip, out.size, name="output")


def _belongs(
    call: Call,
    chain: Value | None,
    calls: Sequence[Call],
    groups: Sequence[str],
    i: int,
) -> bool:
    """Whether an operation stands close to the one before it: it takes that tensor only, and keeps its size."""
    before = calls[i - 1]
    if chain is None or len(call.data) != 1 or chain.piece or is_join(before):
        return False
    return (
        before.name != "input"
        and before.size == call.size == chain.size
        and groups[i - 1] == groups[i]
    )


def _with_edge(
    parts: Sequence[Part], chain: Value | None, calls: Sequence[Call], end: bool = False
) -> list[Part]:
    """The last part with the words on the line that leaves it; beside a pill only what differs from its size."""
    last = parts[-1]
    if chain is None or chain.maker is None:
        return list(parts)
    # A pill holds its size already.
    beside_pill = end or last.kind == "input"
    if beside_pill and not chain.moves:
        return list(parts)
    return [*parts[:-1], replace(last, edge=_moved(calls[chain.maker].size, chain))]


def _moved(size: Size, value: Value) -> str:
    """The size of a tensor on its way: "4 × 9 → 9 × 4", "4 × 9 (part 1/2)"."""
    if value.piece:
        return f"{_size(value.size)} ({value.piece})"
    before = _size(size)
    after = _size(value.size)
    if not value.moves or before == after:
        return after
    if len(before + after) <= LONGEST_EDGE:
        return f"{before} → {after}"
    return f"→ {after}"


def _size(size: Size) -> str:
    """Without the batch where it comes first."""
    if size and size[0] == "B":
        axes = size[1:]
    else:
        axes = size
    return " × ".join(map(str, axes)) or "a number"


def _arc(value: Value, end: int, call: Call, chain: Value | None) -> Arc | None:
    """From where a tensor was made, if the chain does not bring it; with its role where that matters."""
    if value == chain or value.maker is None:
        return None
    if is_join(call) or len(call.data) == 1:
        role = ""
    else:
        role = ORDER.get(value.role, value.role)
    return Arc(value.maker, end, value.piece or role)


def _part(call: Call, group: str, common: str) -> Part:
    label = group.removeprefix(f"{common}.") if common else group
    if is_join(call):
        return Part("join", JOINS[call.name], call.name, call.size, group=label)
    if call.note and call.path:
        family = "compound"
    else:
        family = FAMILY_OF.get(call.name, "other")
    return Part(
        "row",
        call.name,
        _tooltip(call),
        call.size,
        detail(call),
        place(call, group or common),
        family,
        group=label,
    )


def _tooltip(call: Call) -> str:
    came = ", ".join(show(value.size) for value in call.data)
    text = f"{call.name}\n{came} → {show(call.size)}"
    if call.weights and not call.note:
        return f"{text}\n{', '.join(call.weights)}"
    return text
