"""A part of many recordings, for one of several machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Shard(NamedTuple):
    """Every `of`-th recording from the `number`-th on; 3 of 16 has the recordings 3, 19, 35, ..."""

    number: int = 1
    of: int = 1

    def part(self, recordings: Sequence[T]) -> list[T]:
        """Those of the shard.

        Every n-th, and not a block of neighbours: long recordings often lie side by side, and all shards should end
        at about the same time.
        """
        return list(recordings[self.number - 1 :: self.of])


WHOLE = Shard()
