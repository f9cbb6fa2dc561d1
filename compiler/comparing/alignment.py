"""Two sequences side by side: which item of one stands for which of the other, both in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def align(
    a: Sequence[T], b: Sequence[T], likeness: Callable[[T, T], int]
) -> dict[int, int]:
    """Indices of `a` to indices of `b`, both increasing, with the greatest sum of likeness; 0 pairs nothing.

    After Needleman & Wunsch, "A General Method Applicable to the Search for Similarities in the Amino Acid Sequence of
    Two Proteins", 1970, without a cost for gaps. Equal ends are cut off first, so that a small change costs little.
    """
    begin = 0
    while begin < min(len(a), len(b)) and a[begin] == b[begin]:
        begin += 1
    end = 0
    while end < min(len(a), len(b)) - begin and a[-1 - end] == b[-1 - end]:
        end += 1
    pairs = {i: i for i in range(begin)}
    middle = _aligned(a[begin : len(a) - end], b[begin : len(b) - end], likeness)
    pairs |= {begin + i: begin + j for i, j in middle.items()}
    return pairs | {len(a) - k: len(b) - k for k in range(end, 0, -1)}


def _aligned(
    a: Sequence[T], b: Sequence[T], likeness: Callable[[T, T], int]
) -> dict[int, int]:
    best = [
        [0] * (len(b) + 1) for _ in range(len(a) + 1)
    ]  # of what stands before i and j
    for i, x in enumerate(a):
        row = best[i + 1]
        above = best[i]
        for j, y in enumerate(b):
            row[j + 1] = max(above[j] + likeness(x, y), above[j + 1], row[j])
    pairs = {}
    i = len(a)
    j = len(b)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i = i - 1
            j = j - 1
            pairs[i] = j
    return dict(sorted(pairs.items()))
