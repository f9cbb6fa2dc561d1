"""Sizes that depend on a free axis, written as a formula: T, T/2, 2T, (T-4)//3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    found = (_linear(sizes, [chosen[name] for chosen in axes], name) for name in others)
    return next((text for text in found if text), f"{others[-1] if others else 'B'}'")


def _linear(sizes: Sequence[int], values: Sequence[int], name: str) -> str | None:
    """slope · axis + offset, or (axis + offset) // divisor, where one of them gives all sizes."""
    if values[0] == values[1]:
        return None
    slope = (sizes[1] - sizes[0]) // (values[1] - values[0])
    offset = sizes[0] - slope * values[0]
    if slope > 0 and all(
        slope * v + offset == s for v, s in zip(values, sizes, strict=True)
    ):
        return f"{slope if slope != 1 else ''}{name}{_signed(offset)}"
    for divisor in range(2, LARGEST_DIVISOR):
        least = [
            s * divisor - v for v, s in zip(values, sizes, strict=True)
        ]  # offsets that give size s at value v
        low = max(least)
        high = min(least) + divisor - 1
        if low <= high:
            likely = (
                0,
                divisor - 1,
            )  # rounded down, rounded up; else the smallest that gives all sizes
            offset = next(
                (n for n in likely if low <= n <= high), min(max(0, low), high)
            )
            exact = not any((v + offset) % divisor for v in values)
            if offset:
                inner = f"({name}{_signed(offset)})"
            else:
                inner = name
            if exact:
                return f"{inner}/{divisor}"
            return f"{inner}//{divisor}"
    return None


def _signed(offset: int) -> str:
    if offset:
        return f"{offset:+d}"
    return ""
