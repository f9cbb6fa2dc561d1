"""Mixes of stems that no file holds: every combination of a piece's stems, summed as it is read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .corpus import Item
from .pyjama.file import Atom, Atoms, Entry
from .stores.downmix import fitted

MOST_STEMS = 6  # of one mix: 63 combinations


@dataclass(frozen=True)
class Mix(Item):
    """The sum of some stems of a mix, as a recording of its own."""

    stems: tuple[Item, ...] = ()

    @property
    def n_channels(self) -> int:
        """As many as the stem with the most has."""
        return max(stem.n_channels for stem in self.stems)

    def read(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """The sum of samples [start, stop) of the stems as float32 (N,), and their sampling rate in Hz.

        A stem that ends before the others is silent from there on. Raises as `AudioStore.read`.
        """

        def mono(stem: Item, end: int) -> NDArray[np.float32]:
            return stem.read(start, end)[0]

        return self._sum((), mono, start, stop), self.sr_hz

    def read_channels(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """The sum of the stems' channels as float32 (C, N); a mono stem is in every channel.

        Raises as `AudioStore.read`, and DataError E435 for stems of two and of five channels.
        """
        n_channels = self.n_channels

        def channels(stem: Item, end: int) -> NDArray[np.float32]:
            own = stem.read_channels(start, end)[0]
            return fitted(own, n_channels, f"'{stem.key}'")

        return self._sum((n_channels,), channels, start, stop), self.sr_hz

    def _sum(
        self,
        before: tuple[int, ...],
        read: Callable[[Item, int], NDArray[np.float32]],
        start: int,
        stop: int | None,
    ) -> NDArray[np.float32]:
        """The sum over the stems of what `read` gives of them up to an end, (*before, N)."""
        if stop is None:
            stop = self.n_samples
        else:
            stop = min(stop, self.n_samples)

        # The sum is made in one buffer, so that only one stem is in memory beside it.
        total = np.zeros((*before, max(stop - start, 0)), np.float32)
        for stem in self.stems:
            end = min(stop, stem.n_samples)
            if end > start:
                total[..., : end - start] += read(stem, end)
        return total


def stem_mixes(items: Sequence[Item], annotation: str) -> list[Item]:
    """Put every non-empty combination of the stems in the place of each mix and its stems.

    Four stems make 15 mixes. All are in the group of the mix, so a split keeps them on one side.

    Parameters
    ----------
    items : sequence of Item
        Mixes, stems and other recordings, which stay as they are.
    annotation : str
        A global annotation, such as the instrument. Mixes are replaced where each stem has one value of it: a mix has
        those of its stems, as well as what else is true of the whole piece (annotations without times).

    Returns
    -------
    list of Item

    Raises
    ------
    DataError
        E418 for a mix of more than six stems, or of stems of several sampling rates.
    """
    by_mix: dict[str, list[Item]] = {}
    for item in items:
        if item.stem_of is not None:
            by_mix.setdefault(item.stem_of, []).append(item)

    # Only where each stem has exactly one value can a mix be labelled by who plays in it.
    apart = {
        key: stems
        for key, stems in by_mix.items()
        if all(len(_values(s, annotation)) == 1 for s in stems)
    }
    found: list[Item] = []
    for item in items:
        # A mix gives way to its combinations, of which the single ones stand for its stems.
        if item.key in apart:
            found += _combinations(item, apart[item.key], annotation)
        elif item.stem_of not in apart:
            found.append(item)
    return found


def _values(item: Item, annotation: str) -> list[str]:
    return [str(value) for value in item.entry.values(annotation)]


def _combinations(mix: Item, stems: Sequence[Item], annotation: str) -> list[Mix]:
    # 2^n - 1 mixes: beyond a handful of stems they would outnumber all else, and rates cannot be added.
    rates = sorted({stem.sr_hz for stem in stems})
    if len(stems) > MOST_STEMS or len(rates) > 1:
        listed = ", ".join(f"{rate} Hz" for rate in rates)
        raise DataError(
            f"the stems of '{mix.key}' cannot be mixed in every combination: expected at most {MOST_STEMS} of one "
            f"sampling rate, got {len(stems)} of {listed}",
            code="E418",
            help="leave out stems of this mix, or bring them to one rate with `mirbricks data import`",
        )

    # Two guitars cannot both be called 'guitar' in a key, so there the stems' own keys name them.
    values = [_values(stem, annotation)[0] for stem in stems]
    if len(set(values)) == len(values):
        names = values
    else:
        names = [stem.key for stem in stems]
    chosen = itertools.chain.from_iterable(
        itertools.combinations(range(len(stems)), size)
        for size in range(1, len(stems) + 1)
    )
    return [
        _mix(mix, [(names[i], values[i], stems[i]) for i in some], annotation)
        for some in chosen
    ]


def _mix(mix: Item, parts: Sequence[tuple[str, str, Item]], annotation: str) -> Mix:
    key = f"{mix.key}#{'+'.join(name for name, _, _ in parts)}"
    stems = tuple(stem for _, _, stem in parts)
    labels = tuple(
        Atom(value) for value in dict.fromkeys(value for _, value, _ in parts)
    )
    # What has times was annotated for the whole mix, and need not hold for a part of it.
    whole = {
        name: atoms
        for name, atoms in mix.annotations.items()
        if len(atoms) and _timeless(atoms)
    }
    entry = Entry({**whole, "filepath": (Atom(key),), annotation: labels})
    n_samples = max(stem.n_samples for stem in stems)
    return Mix(key, n_samples, stems[0].sr_hz, mix.group, None, entry, mix.store, stems)


def _timeless(atoms: Sequence[Atom]) -> bool:
    return Atoms.of(atoms).column("time") is None
