"""Shuffled orders without end, as functions of the seed and the step: what a resumed training draws again."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


class Deck:
    """The numbers 0 … n - 1 shuffled, then shuffled again, and so on without end."""

    def __init__(self, n: int, *seed: int) -> None:
        self.n = n
        self._seed = seed
        self._orders: dict[int, Int64] = {}

    def at(self, positions: Int64) -> Int64:
        """What lies at these positions, counted from 0 over all rounds."""
        rounds, places = np.divmod(positions, self.n)
        drawn = np.empty_like(positions)
        for one in np.unique(rounds):
            here = rounds == one
            drawn[here] = self._order(int(one))[places[here]]
        return drawn

    def _order(self, which: int) -> Int64:
        """The order of one round, computed from the seed and the number of the round alone."""
        if which not in self._orders:
            # A batch may lie across two rounds, so the neighbour of the new round is kept.
            neighbours = (which - 1, which + 1)
            self._orders = {
                one: order for one, order in self._orders.items() if one in neighbours
            }
            rng = np.random.default_rng((*self._seed, which))
            self._orders[which] = self._shuffled(rng)
        return self._orders[which]

    def _shuffled(self, rng: Generator) -> Int64:
        return rng.permutation(self.n)


class PartsDeck(Deck):
    """The numbers of files that lie in parts, part after part: what streams from a disk and never jumps about in it.

    In each round the parts come in another order. What lies in a part is read in its own order through a buffer, in
    which it is shuffled; the last of a part and the first of the next may share a buffer.

    Parameters
    ----------
    parts : sequence of hashable
        Of each file, in the order in which they lie there, which part holds it.
    buffer : int
        How many neighbours are shuffled together.
    *seed : int
        What the orders are drawn from.

    Examples
    --------
    >>> deck = PartsDeck(["b.hdf5"] * 3 + ["a.hdf5"] * 3, 3, 0)
    >>> sorted(deck.at(np.arange(6)).tolist())
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(self, parts: Sequence[Hashable], buffer: int, *seed: int) -> None:
        super().__init__(len(parts), *seed)
        self._buffer = buffer
        members: dict[Hashable, list[int]] = {}
        for number, part in enumerate(parts):
            members.setdefault(part, []).append(number)
        self._parts = [np.array(numbers) for numbers in members.values()]

    def _shuffled(self, rng: Generator) -> Int64:
        chosen = [self._parts[number] for number in rng.permutation(len(self._parts))]
        order = np.concatenate(chosen)
        for first in range(0, self.n, self._buffer):
            order[first : first + self._buffer] = rng.permutation(
                order[first : first + self._buffer]
            )
        return order


def positions_of(step: int, batch_size: int) -> Int64:
    """The positions in a deck that make up the batch of a step."""
    return step * batch_size + np.arange(batch_size, dtype=np.int64)


def grouped(labels: Sequence[Collection[Hashable]]) -> dict[Hashable, Int64]:
    """label -> numbers of the files that have it; the labels sorted, so that sets give no order."""
    files: dict[Hashable, list[int]] = {}
    for number, several in enumerate(labels):
        for label in set(several):
            files.setdefault(label, []).append(number)
    order = sorted(files, key=lambda one: (type(one).__name__, str(one)))
    return {label: np.array(files[label]) for label in order}
