"""A picture of what is inside a block: `draw_block` gives a self-contained SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...registry import Spec, build
from ...shapes import show
from ..language.example import flow
from .diagram import picture
from .inside_curve import curve
from .inside_cut import shortened
from .inside_trace import Call, Value, trace
from .inside_words import FAMILY_OF, JOINS, ORDER, detail, is_join, outer, place
from .parts import Arc, Part, Size

LONGEST_EDGE = 20  # characters of two sizes, beside which an arc has its place


def draw_block(spec: Spec) -> str:
    """An SVG of the operations of a block's first example in eval(), with the sizes between them.

    The same block, drawn with the same torch, gives the same characters. Raises `RegistryError`
    where torch cannot export it.
    """
    calls, out = trace(spec)
    n_operations = len(calls) - len(spec.contract.inputs)
    if n_operations and out.size == calls[0].size:
        points = curve(spec)
    else:
        points = ()
    calls, out = shortened(calls, out)
    parts, arcs = _parts_and_arcs(
        _first_input_last(calls, out, len(spec.contract.inputs))
    )
    words = f"{_counted(n_operations, 'operation')}, {_counted(_parameters(spec), 'parameter')}"
    given = ", ".join(
        f"{key}: {flow(value)}" for key, value in spec.examples[0].config.items()
    )
    label = f"inside the block {spec.name}: {words}"
    return picture(spec.name, f"{words}\n{given}", label, parts, arcs, points)


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word}{'s' * (n != 1)}"


def _parameters(spec: Spec) -> int:
    example = spec.examples[0]
    config = spec.cls.Config(**example.config).resolve(
        spec.contract.bind(example.shapes)
    )
    return sum(parameter.numel() for parameter in build(spec, config).parameters())


def _first_input_last(
    calls: Sequence[Call], out: Value, n_inputs: int
) -> tuple[list[Call], Value]:
    """The first input comes right before the operations, since the chain starts there."""
    order = [*range(1, n_inputs), 0, *range(n_inputs, len(calls))]
    index = {old: new for new, old in enumerate(order)}

    def moved(value: Value) -> Value:
        if value.maker is None:
            return value
        return replace(value, maker=index[value.maker])

    return [
        replace(calls[i], values=tuple(map(moved, calls[i].values))) for i in order
    ], moved(out)


def _parts_and_arcs(traced: tuple[list[Call], Value]) -> tuple[list[Part], list[Arc]]:
    calls, out = traced
    parts = list[Part]()
    arcs = list[Arc]()
    run = 0
    groups, common = outer(calls)
    for i, (call, group) in enumerate(zip(calls, groups, strict=True)):
        chain = next((value for value in call.data if value.maker == i - 1), None)
        if call.name == "input":
            text = _size(call.size)
            tooltip = f"input '{call.path}'\n{show(call.size)}"
            run = run + 1
            parts.append(
                Part(
                    "input", text, tooltip, call.size, name=call.path, run=run, cut=True
                )
            )
            continue
        arcs += [
            arc
            for arc in (_arc(value, i, call, chain) for value in call.data)
            if arc and arc not in arcs
        ]
        run += not _belongs(call, chain, calls, groups, i)
        parts = _with_edge(parts, chain, calls)
        parts.append(replace(_part(call, group, common), run=run, cut=chain is None))
    if out.maker == len(calls) - 1:
        chain = out
    else:
        chain = None
    arcs += (
        [] if chain or out.maker is None else [Arc(out.maker, len(calls), out.piece)]
    )
    parts = _with_edge(parts, chain, calls, end=True)
    tooltip = f"output\n{show(out.size)}"
    output = Part(
        "output",
        _size(out.size),
        tooltip,
        out.size,
        name="output",
        run=run + 1,
        cut=chain is None,
    )
    return [*parts, output], arcs


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
    """The last part with the words on the line that leaves it; beside a pill that tells its size, only what differs."""
    last = parts[-1]
    if (
        chain is None
        or chain.maker is None
        or ((end or last.kind == "input") and not chain.moves)
    ):
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
    came = ", ".join(show(value.size) for value in call.data)
    if call.weights and not call.note:
        weights = f"\n{', '.join(call.weights)}"
    else:
        weights = ""
    tooltip = f"{call.name}\n{came} → {show(call.size)}{weights}"
    if common:
        label = group.removeprefix(f"{common}.")
    else:
        label = group
    if is_join(call):
        return Part("join", JOINS[call.name], call.name, call.size, group=label)
    if call.note and call.path:
        family = "compound"
    else:
        family = FAMILY_OF.get(call.name, "other")
    return Part(
        "row",
        call.name,
        tooltip,
        call.size,
        detail(call),
        place(call, group or common),
        family,
        group=label,
    )
