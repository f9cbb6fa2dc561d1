"""Sizes that depend on a free axis, written as a formula: T, T/2, 2T, (T-4)//3."""

from __future__ import annotations

from collections.abc import Mapping


def formula(first: int, second: int, one: Mapping[str, int], two: Mapping[str, int]) -> int | str:
    """The size that is `first` under the axes `one` and `second` under `two`, as a formula of one axis.

    Sizes that two runs cannot tell apart from a constant are constants; what fits no linear formula is "T'".
    """
    if first == second:
        return first
    for name in one:
        if (first, second) == (one[name], two[name]):
            return name
    others = [name for name in one if name != "B"]
    texts = (_linear(first, second, one[name], two[name], name) for name in others)
    return next((text for text in texts if text), f"{others[-1] if others else 'B'}'")


def _linear(first: int, second: int, a: int, b: int, name: str) -> str | None:
    if a == b:
        return None
    if (second - first) % (b - a) == 0:
        slope = (second - first) // (b - a)
        return f"{slope if slope != 1 else ''}{name}{_signed(first - slope * a)}" if slope > 0 else None
    for divisor in range(2, 4097):
        offsets = range(first * divisor - a, (first + 1) * divisor - a)
        offset = next((c for c in sorted(offsets, key=abs) if (b + c) // divisor == second), None)
        if offset is not None and round((b - a) / divisor) in (second - first, second - first - 1, second - first + 1):
            inner = f"({name}{_signed(offset)})" if offset else name
            return f"{inner}//{divisor}" if offset or a % divisor or b % divisor else f"{name}/{divisor}"
    return None


def _signed(offset: int) -> str:
    return f"{offset:+d}" if offset else ""
