"""Long blocks, shortened until a picture can be read: repetitions told once, parts as one row each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from .inside_values import Call, Value

MOST = 28  # operations that a picture shows
# of what is still too long
HEAD = 16
TAIL = 8


def shortened(calls: Sequence[Call], out: Value) -> tuple[list[Call], Value]:
    """At most about MOST operations: first repetitions go, then the insides of the deepest parts, then the middle."""
    calls = list(calls)
    while len(calls) > MOST:
        ranges = _repetition(calls) or _deepest_parts(calls) or _middle(calls)
        for start, end, stand_in in reversed(ranges):
            calls, out = _merged(calls, out, start, end, stand_in)
    return calls, out


Range = tuple[
    int, int, Call
]  # first, last + 1, and what stands for them, without its tensors


def _repetition(calls: Sequence[Call]) -> list[Range]:
    """All but the first of the operations that come at least three times in a row, where that saves most."""
    words = [(call.name, call.note, re.sub(r"\d+", "", call.path)) for call in calls]
    best = None
    saved = 2
    for period in range(1, len(calls) // 3 + 1):
        i = 0
        while i < len(calls) - period:
            n = i
            while n + period < len(calls) and words[n] == words[n + period]:
                n += 1
            times = (n - i) // period + 1
            if (
                times >= 3
                and (times - 1) * period - 1 > saved
                and "input" not in {call.name for call in calls[i:n]}
            ):
                best = (i, period, times)
                saved = (times - 1) * period - 1
            i = max(n - period, i) + 1
    if best is None:
        return []
    start, period, times = best
    unit = calls[start : start + period]
    note = f"each as above: {_listed(unit)}"
    return [
        (
            start + period,
            start + period * times,
            Call(f"… {times - 1} more", (), (), note=note),
        )
    ]


def _deepest_parts(calls: Sequence[Call]) -> list[Range]:
    """Every stretch of operations in a module of the deepest level that has several, as one of that module's name."""
    depths = [len(call.kinds) for call in calls]
    for depth in range(max(depths), 0, -1):
        ranges = list[Range]()
        i = 0
        for path, stretch in groupby(
            calls,
            key=lambda call: call.kinds[depth - 1] if len(call.kinds) >= depth else (),
        ):
            inside = list(stretch)
            if path and len(inside) > 1:
                name, where = _named(calls, inside, depth)
                stand_in = Call(
                    name,
                    (),
                    (),
                    path=where,
                    kinds=inside[0].kinds[: depth - 1],
                    note=_listed(inside),
                )
                ranges.append((i, i + len(inside), stand_in))
            i += len(inside)
        if ranges:
            return ranges
    return []


def _named(
    calls: Sequence[Call], inside: Sequence[Call], depth: int
) -> tuple[str, str]:
    """Class and path of the module that a stretch is: of a Sequential, if it is all of a module, that module's."""
    path, kind = inside[0].kinds[depth - 1]
    while kind == "Sequential" and depth > 1:
        depth -= 1
        around = inside[0].kinds[depth - 1]
        if sum(around in call.kinds for call in calls) > len(inside):
            break
        path, kind = around
    return kind, path


def _middle(calls: Sequence[Call]) -> list[Range]:
    n = len(calls) - HEAD - TAIL
    return [
        (
            HEAD,
            HEAD + n,
            Call(f"… {n} more", (), (), note=_listed(calls[HEAD : HEAD + n])),
        )
    ]


def _listed(calls: Sequence[Call]) -> str:
    """Their names; of a Sequential, what is in it."""
    words = [
        call.note if call.name == "Sequential" else call.name
        for call in calls
        if not call.name.startswith("…")
    ]
    return ", ".join(dict.fromkeys(word for one in words for word in one.split(", ")))


def _merged(
    calls: Sequence[Call], out: Value, start: int, end: int, stand_in: Call
) -> tuple[list[Call], Value]:
    """`stand_in` for the operations from `start` to `end`, with all the tensors that came from outside."""

    def moved(value: Value) -> Value:
        if value.maker is None or value.maker < start:
            return value
        return replace(
            value, maker=start if value.maker < end else value.maker - (end - start) + 1
        )

    came = [
        replace(v, role="", moves=())
        for c in calls[start:end]
        for v in c.values
        if not start <= _maker(v) < end
    ]
    one = replace(stand_in, values=tuple(dict.fromkeys(came)), size=calls[end - 1].size)
    after = [
        replace(c, values=tuple(dict.fromkeys(map(moved, c.values))))
        for c in calls[end:]
    ]
    return [*calls[:start], one, *after], moved(out)


def _maker(value: Value) -> int:
    if value.maker is None:
        return -1
    return value.maker
