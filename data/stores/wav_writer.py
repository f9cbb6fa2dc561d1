"""A wav file of 32-bit floating-point numbers that is written as its samples come, whatever its length."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...errors import DataError
from .atomic import written_whole
from .wav import float_wav_bytes

SAMPLE_BYTES = 4
MOST_BYTES = (1 << 32) - 1  # that the header of a wav file can count


class WavWriter:
    """Blocks of samples, one after another, into an open file; `float_wav_bytes` of all of them together.

    Parameters
    ----------
    file : binary file
        Open for writing, and seekable: the header that counts the samples is written at the end.
    name : str
        What messages call it.
    sr_hz, n_channels : int
        Sample rate in Hz, and channels of every block.
    """

    def __init__(self, file: BinaryIO, name: str, sr_hz: int, n_channels: int) -> None:
        self._file = file
        self._name = name
        self._sr_hz = sr_hz
        self._n_channels = n_channels
        self.n_samples = 0
        # The same header as of a file without a sample, whose counts are put right at the end.
        file.write(self._header(0))

    def write(self, samples: Any) -> None:
        """Add a block (C, n) of float32. Raises DataError E408 for more than a wav file can hold."""
        block = np.atleast_2d(np.asarray(samples, dtype=np.float32))
        if block.shape[0] != self._n_channels:
            raise ValueError(
                f"expected blocks of {self._n_channels} channels, got {block.shape}"
            )
        n_samples = self.n_samples + block.shape[1]
        n_bytes = len(self._header(0)) + n_samples * self._n_channels * SAMPLE_BYTES
        if n_bytes > MOST_BYTES:
            raise DataError(
                f"'{self._name}' is too long for a wav file, which holds at most 4 GiB",
                code="E408",
                help="divide the recording, and write its parts one by one",
            )
        self._file.write(block.T.astype("<f4").tobytes())
        self.n_samples = n_samples

    def close(self) -> None:
        """Write the header that counts the samples; the file itself stays open."""
        self._file.seek(0)
        self._file.write(self._header(self.n_samples))

    def _header(self, n_samples: int) -> bytes:
        """Of so many samples, which need not be there."""
        empty = np.zeros((self._n_channels, 0), np.float32)
        header = bytearray(float_wav_bytes(empty, self._sr_hz))
        data_bytes = n_samples * self._n_channels * SAMPLE_BYTES
        # RIFF counts all that follows it, "fact" the samples per channel, "data" its bytes.
        for place, count in (
            (4, len(header) - 8 + data_bytes),
            (header.index(b"fact") + 8, n_samples),
            (len(header) - 4, data_bytes),
        ):
            header[place : place + 4] = count.to_bytes(4, "little")
        return bytes(header)


@contextlib.contextmanager
def written_wav(path: Path, sr_hz: int, n_channels: int) -> Iterator[WavWriter]:
    """A wav file that appears whole or not at all, on the disk, when the body ends.

    Parameters
    ----------
    path : Path
        The file; an old one stays until the new one is whole, and where the body raises.
    sr_hz, n_channels : int
        Sample rate in Hz, and channels of every block.

    Yields
    ------
    WavWriter

    Raises
    ------
    DataError
        E408 if the disk is full, the folder cannot be written, or the sound is longer than a wav file can hold.
    """
    with written_whole(path) as temporary, temporary.open("wb") as file:
        writer = WavWriter(file, str(path), sr_hz, n_channels)
        yield writer
        writer.close()
