"""The channels of a recording: their mean, and as many of them as a reader asks for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

Float32 = NDArray[np.float32]

MOST_CANCELLED = 1e-4  # share of the channels' mean power: 40 dB less
BLOCK_SAMPLES = 1 << 18  # mixed down at once


def mixed_down(channels: Float32) -> Float32:
    """(C, N) -> (N,): the mean of the channels, to the bit what the mean of a file's channels is.

    Sums too large for float32 become infinite, without a warning.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        # Most recordings have one or two channels, for which there is a way ten times as fast: in whichever order two
        # numbers are added, the sum is the same. The 0 is where NumPy's sums begin: it makes a 0 of -0.
        mono: Float32
        if len(channels) == 1:
            mono = channels[0] + np.float32(0)
        elif len(channels) == 2:
            mono = (channels[0] + channels[1] + np.float32(0)) / np.float32(2)
        else:
            mono = _mean(channels)
        return mono


def _mean(channels: Float32) -> Float32:
    """The mean of three and more channels."""
    mono = np.empty(channels.shape[1], np.float32)
    # The order in which three numbers are added changes the last bit. Files hold a row of channels per moment, and the
    # mean of a stored recording must be theirs, so blocks are laid out like that before they are averaged.
    for start in range(0, len(mono), BLOCK_SAMPLES):
        block = channels[:, start : start + BLOCK_SAMPLES]
        frames = np.ascontiguousarray(block.T)
        mono[start : start + BLOCK_SAMPLES] = frames.mean(1, dtype=np.float32)
    return mono


def fitted(channels: Float32, wanted: int, name: str) -> Float32:
    """(C, N) -> (wanted, N): a mono recording is repeated, other numbers of channels have to be equal.

    Parameters
    ----------
    channels : array of float32, (C, N)
        A recording.
    wanted : int
        How many channels are read. 1 is the mean of them all.
    name : str
        The recording in messages, such as "'a.wav'".

    Raises
    ------
    DataError
        E435 where a recording of several channels has another number of them.
    """
    n_channels = len(channels)
    if n_channels == wanted:
        return channels
    if wanted == 1:
        return mixed_down(channels)[None]
    if n_channels == 1:
        return np.repeat(channels, wanted, axis=0)
    raise DataError(
        f"{name} has {n_channels} channels, and {wanted} are read",
        code="E435",
        help=f"recordings have {wanted} channels here, or one, which is repeated; "
        "a model with feature.channels=1 reads the mean of any number",
    )


@dataclass
class Levels:
    """The energy of a recording before and after mixing down, to find channels that cancel each other.

    Attributes
    ----------
    channels : float
        The mean of the channels' energies.
    mono : float
        The energy of the mean of the channels.
    """

    channels: float = 0.0
    mono: float = 0.0

    @classmethod
    def of(cls, channels: Float32, mono: Float32) -> Levels:
        """Those of a whole recording (C, N) and its mean (N,)."""
        levels = cls()
        levels.add(channels, mono)
        return levels

    def add(self, channels: Float32, mono: Float32) -> None:
        """Add a block of the recording."""
        energy = float(np.sum(np.square(channels)))
        self.channels += energy / len(channels)
        self.mono += float(mono @ mono)

    @property
    def cancelled(self) -> bool:
        """Whether next to nothing of the channels' power is left: one is another upside down."""
        return self.channels > 0 and self.mono < MOST_CANCELLED * self.channels


def cancelled_words(name: str) -> str:
    """What is wrong with a recording whose channels cancel each other, and what to do."""
    return (
        f"the channels of {name} cancel each other: their mean, which is read, is nearly silent; "
        "turn the polarity of one of them, or write one channel only"
    )


def warn_of_cancelled_channels(name: str, levels: Levels) -> None:
    """Warn where the mean of the channels, which is read, has next to none of their power."""
    if levels.cancelled:
        warnings.warn(cancelled_words(name), UserWarning, stacklevel=2)
