"""What all samplers share: the rows of a batch, endless shuffled decks, and starts anywhere in a file."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...errors import DataError

Int64 = NDArray[np.int64]


class Picks(NamedTuple):
    """The rows of a batch, each array (B,): the number of the file, the first frame, and how many frames.

    A row may reach past the end of its file; that part is padding.
    """

    items: Int64
    starts: Int64
    frames: Int64


class Sampler(Protocol):
    """What chooses batches. `steps_per_epoch`: batches until everything was seen once."""

    @property
    def seed(self) -> int: ...

    @property
    def steps_per_epoch(self) -> int: ...

    def picks(self, step: int) -> Picks: ...


class Deck:
    """The numbers 0 … n - 1 shuffled, then shuffled anew, and so on without end."""

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

    def one(self, position: int) -> int:
        """What lies at one position."""
        which, place = divmod(position, self.n)
        return int(self._order(which)[place])

    def _order(self, one: int) -> Int64:
        if one not in self._orders:
            self._orders = {
                k: v for k, v in self._orders.items() if abs(k - one) == 1
            }  # two rounds meet in a batch
            self._orders[one] = np.random.default_rng((*self._seed, one)).permutation(
                self.n
            )
        return self._orders[one]


def lengths_of(n_frames: Sequence[int]) -> Int64:
    lengths = np.asarray(n_frames, np.int64)
    if not len(lengths) or lengths.min() < 1:
        empty = int((lengths < 1).sum())
        if len(lengths):
            what = f"{empty} of {len(lengths)} files are empty"
        else:
            what = "there are no files"
        raise DataError(
            f"no batches can be drawn: {what}",
            code="E490",
            help="check the split, and the corpus",
        )
    return lengths


def one_or_more(number: int) -> int:
    if number < 1:
        raise ValueError(f"expected 1 or more, got {number}")
    return number


def positions_of(step: int, batch_size: int) -> Int64:
    return step * batch_size + np.arange(batch_size, dtype=np.int64)


def rng_of(seed: int, step: int) -> Generator:
    return np.random.default_rng((seed, 0, step))


def anywhere(
    items: Int64, lengths: Int64, frames: int | Int64, rng: Generator
) -> Picks:
    """A start in each file, uniform among those where no padding is needed."""
    each = np.broadcast_to(np.asarray(frames, np.int64), items.shape)
    return Picks(
        items, rng.integers(np.maximum(lengths[items] - each, 0) + 1), each.copy()
    )


def grouped(labels: Sequence[Collection[Hashable]]) -> dict[Hashable, Int64]:
    """label -> numbers of the files that have it; the labels sorted, so that sets give no order."""
    files: dict[Hashable, list[int]] = {}
    for number, several in enumerate(labels):
        for label in set(several):
            files.setdefault(label, []).append(number)
    return {
        label: np.array(files[label])
        for label in sorted(files, key=lambda one: (type(one).__name__, str(one)))
    }
