"""Which node of one graph stands for which of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .alignment import align
from .entries import Entry

# How much two entries are alike: by name, by block and config, by the block alone.
NAMED = 8
EQUAL = 3
ALIKE = 1
Pairs = dict[int, int]


def matches(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[Pairs, Pairs]:
    """Entries of A and those of B that stand for them: in order, and moved."""
    stayed = align(old, new, _likeness(old, new))
    taken = set(stayed.values())
    free = {j: new[j] for j in range(len(new)) if new[j].name and j not in taken}
    moved: Pairs = {}
    # What is left has moved where something of the same name is left on the other side.
    for i, entry in enumerate(old):
        if not entry.name or i in stayed:
            continue
        for j, other in free.items():
            if other.identity == entry.identity:
                moved[i] = j
                del free[j]
                break
    return stayed, moved


def _likeness(
    old: Sequence[Entry], new: Sequence[Entry]
) -> Callable[[Entry, Entry], int]:
    """How much an entry of A is one of B: its name counts most, then block and config, then the block alone."""
    in_both = ({e.name for e in old} & {e.name for e in new}) - {""}

    def likeness(a: Entry, b: Entry) -> int:
        if a.identity == b.identity:
            return NAMED if a.name else EQUAL
        # A name that both graphs have belongs to that node, and to no other of the same block.
        known_elsewhere = {a.name, b.name} & in_both
        if a.block == b.block and not a.skip and not known_elsewhere:
            return ALIKE
        return 0

    return likeness
