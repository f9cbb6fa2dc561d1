"""Long blocks, shortened until a picture can be read: repetitions shown once, parts as one row each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from .inside_values import Call, Value

MOST = 28  # operations that a picture shows
# Of what is still too long, so many operations at its beginning and at its end stay.
HEAD = 16
TAIL = 8

# First, last + 1, and what stands for them, without its tensors.
Range = tuple[int, int, Call]


def shortened(calls: Sequence[Call], out: Value) -> tuple[list[Call], Value]:
    """At most about MOST operations: first repetitions go, then the insides of the deepest parts, then the middle."""
    calls = list(calls)
    # What loses least comes first, and after each step the gentler ways are tried again.
    while len(calls) > MOST:
        ranges = _repetition(calls) or _deepest_parts(calls) or _middle(calls)
        # From the last to the first, so that the places of the others stay true.
        for start, end, stand_in in reversed(ranges):
            calls, out = _merged(calls, out, start, end, stand_in)
    return calls, out


def _repetition(calls: Sequence[Call]) -> list[Range]:
    """All but the first of the operations that come at least three times in a row, where that saves most."""
    # Without their numbers the paths of layers.0 and layers.1 are the same.
    words = [(call.name, call.note, re.sub(r"\d+", "", call.path)) for call in calls]
    # "… 3 more" is an operation too: what saves one or two is not worth the loss.
    best = None
    saved = 2
    for period in range(1, len(calls) // 3 + 1):
        i = 0
        while i < len(calls) - period:
            n = i
            while n + period < len(calls) and words[n] == words[n + period]:
                n += 1
            times = (n - i) // period + 1
            saves = (times - 1) * period - 1
            has_input = any(call.name == "input" for call in calls[i:n])
            if times >= 3 and saves > saved and not has_input:
                best = (i, period, times)
                saved = saves
            # What follows this stretch may begin within its last period.
            i = max(n - period, i) + 1
    if best is None:
        return []
    start, period, times = best
    unit = calls[start : start + period]
    note = f"each as above: {_listed(unit)}"
    stand_in = Call(f"… {times - 1} more", (), (), note=note)
    return [(start + period, start + period * times, stand_in)]


def _deepest_parts(calls: Sequence[Call]) -> list[Range]:
    """Every stretch of operations in a module of the deepest level that has several, as one of that module's name."""
    depths = [len(call.kinds) for call in calls]
    # From the deepest level outwards: the parts that a reader knows least go first.
    for depth in range(max(depths), 0, -1):
        ranges = list[Range]()
        i = 0
        for path, stretch in groupby(calls, key=partial(_module_at, depth)):
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


def _module_at(depth: int, call: Call) -> tuple[str, ...]:
    """Path and class of the module around an operation at this depth, nothing where there is none."""
    if len(call.kinds) < depth:
        return ()
    return call.kinds[depth - 1]


def _named(
    calls: Sequence[Call], inside: Sequence[Call], depth: int
) -> tuple[str, str]:
    """Class and path of the module that a stretch is: of a Sequential, if it is all of a module, that module's."""
    path, kind = inside[0].kinds[depth - 1]
    # "Sequential" says nothing; the name of the module that it fills says what it does.
    while kind == "Sequential" and depth > 1:
        depth -= 1
        around = inside[0].kinds[depth - 1]
        if sum(around in call.kinds for call in calls) > len(inside):
            break
        path, kind = around
    return kind, path


def _middle(calls: Sequence[Call]) -> list[Range]:
    n = len(calls) - HEAD - TAIL
    note = _listed(calls[HEAD : HEAD + n])
    return [(HEAD, HEAD + n, Call(f"… {n} more", (), (), note=note))]


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
        if value.maker < end:
            return replace(value, maker=start)
        return replace(value, maker=value.maker - (end - start) + 1)

    # Which argument a tensor was, and how it was turned on its way, is a matter of the
    # single operations: of the whole only counts where its tensors come from.
    came = [
        replace(value, role="", moves=())
        for call in calls[start:end]
        for value in call.values
        if not start <= _maker(value) < end
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
