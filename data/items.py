"""The recordings of a corpus: where their audio or their features lie, and their annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .pyjama.file import Atom, Entry
from .stores.hdf5 import AudioStore, FeatureStore
from .stores.player import LONGEST_S, player


@dataclass(frozen=True)
class Item:
    """One recording by its audio. It pickles small: the audio stays in its file.

    Attributes
    ----------
    key : str
        Its name in the HDF5 file and in the .pyjama.
    n_samples : int
        How many samples it has.
    sr_hz : int
        Its sampling rate, in Hz.
    group : str
        What a split keeps on one side.
    stem_of : str or None
        The key of the mix that it is a stem of.
    entry : Entry
        Its annotations.
    store : AudioStore
        The file that it is read from.
    """

    key: str
    n_samples: int
    sr_hz: int
    group: str
    stem_of: str | None
    entry: Entry = field(repr=False, compare=False)
    store: AudioStore = field(repr=False, compare=False)

    @property
    def duration_s(self) -> float:
        """Its length, in seconds."""
        return self.n_samples / self.sr_hz

    @property
    def n_channels(self) -> int:
        """How many channels it has."""
        return self.store.n_channels(self.key)

    @property
    def annotations(self) -> Mapping[str, Sequence[Atom]]:
        """Name -> atoms."""
        return self.entry.annotations

    @property
    def source(self) -> Path:
        """The HDF5 file that holds the audio."""
        return self.store.path

    def read(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """Read a part of the audio in mono: of several channels the mean.

        Parameters
        ----------
        start, stop : int
            Samples [start, stop); by default all.

        Returns
        -------
        wave : array of float32, (N,)
        sr_hz : int
            The sampling rate, in Hz.

        Raises
        ------
        DataError
            E401 for a damaged file, E406 for NaN or infinity; further as `AudioStore`.
        """
        return self.store.read(self.key, start, stop), self.sr_hz

    def read_channels(
        self, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """Read a part of the audio with its channels.

        Parameters
        ----------
        start, stop : int
            Samples [start, stop); by default all.

        Returns
        -------
        wave : array of float32, (C, N)
            A row per channel, also of a mono recording.
        sr_hz : int
            The sampling rate, in Hz.

        Raises
        ------
        DataError
            As `read`.
        """
        return self.store.read_channels(self.key, start, stop), self.sr_hz

    def _repr_html_(self) -> str:
        """A player of the recording, in a notebook."""
        most = int(LONGEST_S * self.sr_hz) + 1
        return player(*self.read_channels(0, min(most, self.n_samples)), self.key)


@dataclass(frozen=True)
class FeatureItem:
    """One recording by its features, without audio. It pickles small: the features stay in their file.

    Attributes
    ----------
    key : str
        Its name in the HDF5 file and in the .pyjama.
    n_frames, n_features : int
        The shape of its features.
    duration_s : float or None
        Until a step after the last frame, in seconds; None where the file does not say when the frames are.
    group, stem_of, entry
        As those of `Item`.
    store : FeatureStore
        The file that it is read from.
    """

    key: str
    n_frames: int
    n_features: int
    duration_s: float | None
    group: str
    stem_of: str | None
    entry: Entry = field(repr=False, compare=False)
    store: FeatureStore = field(repr=False, compare=False)

    @property
    def annotations(self) -> Mapping[str, Sequence[Atom]]:
        """Name -> atoms."""
        return self.entry.annotations

    @property
    def source(self) -> Path:
        """The HDF5 file that holds the features."""
        return self.store.path

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """When each frame is, (n_frames,), in seconds; None where the file does not say. As `FeatureStore.times_s`."""
        return self.store.times_s(self.key)

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read frames [start, stop), by default all, as float32 (T, n_features). Raises as `FeatureStore.read`."""
        return self.store.read(self.key, start, stop)
