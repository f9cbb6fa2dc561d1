"""Sizes that depend on a free axis, written as a formula: T, T/2, 2T, (T-4)//3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

LARGEST_DIVISOR = 4096


def formula(sizes: Sequence[int], axes: Sequence[Mapping[str, int]]) -> int | str:
    """What `sizes`, seen under these choices of the free axes, are: a number, an axis, or a formula of one axis.

    A formula fits every run; "T'" is a size that depends on T in another way.
    """
    if len(set(sizes)) == 1:
        return sizes[0]
    for name in axes[0]:
        if list(sizes) == [chosen[name] for chosen in axes]:
            return name
    others = [name for name in axes[0] if name != "B"]
    for name in others:
        values = tuple(chosen[name] for chosen in axes)
        text = _linear(tuple(sizes), values, name)
        if text:
            return text
    last = others[-1] if others else "B"
    return f"{last}'"


@lru_cache(maxsize=4096)  # the layers of a graph have the same few sizes
def _linear(sizes: tuple[int, ...], values: tuple[int, ...], name: str) -> str | None:
    """slope · axis + offset, or (axis + offset) // divisor, where one of them gives all sizes."""
    if values[0] == values[1]:
        return None
    slope = (sizes[1] - sizes[0]) // (values[1] - values[0])
    offset = sizes[0] - slope * values[0]
    pairs = list(zip(values, sizes, strict=True))
    if slope > 0 and all(slope * v + offset == s for v, s in pairs):
        factor = "" if slope == 1 else str(slope)
        return f"{factor}{name}{_signed(offset)}"
    for divisor in _divisors(pairs):
        # An offset gives size s at value v if s · divisor ≤ v + offset < (s + 1) · divisor.
        least = [s * divisor - v for v, s in pairs]
        low = max(least)
        high = min(least) + divisor - 1
        if low <= high:
            return _divided(name, values, divisor, _likely(low, high, divisor))
    return None


def _divisors(pairs: Sequence[tuple[int, int]]) -> range:
    """The divisors that may be: of two points far apart the sizes tell the divisor but for the rounding."""
    (v_0, s_0), (v_1, s_1) = min(pairs), max(pairs)
    rise = s_1 - s_0
    if rise < 0:
        return range(0)
    least = max(2, (v_1 - v_0) // (rise + 1))
    most = LARGEST_DIVISOR
    if rise > 1:
        most = min(most, (v_1 - v_0) // (rise - 1) + 1)
    return range(least, most)


def _likely(low: int, high: int, divisor: int) -> int:
    """Of the offsets from `low` to `high` that which rounds down or up, else the smallest in size."""
    for offset in (0, divisor - 1):
        if low <= offset <= high:
            return offset
    return min(max(0, low), high)


def _divided(name: str, values: Sequence[int], divisor: int, offset: int) -> str:
    inner = f"({name}{_signed(offset)})" if offset else name
    exact = not any((v + offset) % divisor for v in values)
    return f"{inner}{'/' if exact else '//'}{divisor}"


def _signed(offset: int) -> str:
    if offset:
        return f"{offset:+d}"
    return ""
