"""What a kind of input is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..mutate import Rng


@dataclass(frozen=True)
class Kind:
    """A kind of input: `damaged` draws one into a folder, `read` does with it what a user would.

    `share` is the part of the time that the kind gets, relative to the others: more where a reader is slow.
    """

    name: str
    damaged: Callable[[Rng, Path], None]
    read: Callable[[Path], object]
    share: float = 1.0
