"""The audio of an import while it runs: a file for each recording, decoded once, so that a killed run can go on.

A staged file is four 64-bit numbers, then the samples as float32, those of all channels at one moment together. The
numbers are the rate in Hz, the channels of the audio, those that were kept (all, or their mean), and whether they
cancel each other. Its name is a hash of where the audio lies, how large and how old it is, and what is done to it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..importers.contract import Recording
from ..importers.guarded import unexpected
from ..importers.optional import optional
from ..stores.atomic import written_whole
from ..stores.audio import stream_channels
from ..stores.containers import stream_of_container
from ..stores.downmix import Levels, mixed_down
from ..stores.hdf5_store import SR_MAX_HZ, SR_MIN_HZ
from ..stores.reading import unreadable

Float32 = NDArray[np.float32]
Convert = Callable[
    [Iterable[Float32], int, int], Iterator[Float32]
]  # blocks, from_hz, to_hz -> blocks
Channels = Literal["keep", "mono"]
_HEADER = struct.Struct("<qqqq")


@dataclass(frozen=True)
class Treatment:
    """What is done to audio that comes in.

    sr_hz     the rate to convert to, by `convert`; None keeps each recording's own
    channels  keep: those of the files; mono: their mean
    """

    sr_hz: int | None = None
    convert: Convert | None = None
    channels: Channels = "keep"


@dataclass(frozen=True)
class Staged:
    """Audio that lies ready: `samples` maps the file into memory.

    channels   those of the audio, of which `n_channels` were kept
    cancelled  whether the mean of the channels is nearly silent
    """

    path: Path
    sr_hz: int
    channels: int
    n_channels: int
    n_samples: int
    cancelled: bool

    @classmethod
    def open(cls, path: Path) -> Staged:
        with path.open("rb") as file:
            numbers = _HEADER.unpack(file.read(_HEADER.size))
        sr_hz, channels, n_channels, cancelled = numbers
        n_values = (path.stat().st_size - _HEADER.size) // 4
        n_samples = n_values // n_channels
        return cls(path, sr_hz, channels, n_channels, n_samples, bool(cancelled))

    def samples(self) -> Float32:
        """(N,), or (C, N) of several channels."""
        shape = (self.n_samples, self.n_channels)
        frames = np.memmap(self.path, np.float32, "r", _HEADER.size, shape)
        channels: Float32 = frames.T
        if self.n_channels == 1:
            channels = channels[0]
        return channels


@dataclass(frozen=True)
class Outcome:
    """What became of the audio of a recording: `index` is its place in the list; one of the others is None."""

    index: int
    staged: Staged | None
    error: DataError | None


def stage(
    index: int,
    recording: Recording,
    folder: Path,
    treatment: Treatment,
) -> Outcome:
    """Decode and convert the audio of a recording, unless that is done. Runs in worker processes.

    Raises DataError E408 where the folder cannot be written; what is wrong with the audio is in the outcome.
    """
    try:
        path = folder / _name(recording, treatment)
        # The file appears whole, so one that is there was finished by an earlier run.
        if not path.exists():
            _write(path, recording, treatment)
        return Outcome(index, Staged.open(path), None)
    except DataError as error:
        if error.code == "E408":
            raise
        return Outcome(index, None, error)
    except Exception as error:  # whatever a decoder meets in a damaged file
        text = f"cannot read the audio of '{recording.key}'"
        return Outcome(index, None, unexpected(text, error))


def _name(recording: Recording, treatment: Treatment) -> str:
    parts: list[object] = [treatment.sr_hz, treatment.channels, recording.stream]
    for path in recording.audio:
        try:
            status = path.stat()
        except FileNotFoundError as error:
            raise DataError(f"there is no audio file '{path}'", code="E466") from error
        except OSError as error:
            raise unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):  # opening a named pipe would wait forever
            raise DataError(
                f"'{path}' is not an audio file: {_kind(status)}", code="E430"
            )
        # A file that was changed since is another file, and is decoded again.
        parts += [os.fspath(path.absolute()), status.st_size, status.st_mtime_ns]
    return hashlib.blake2b(
        repr(parts).encode("utf-8", "surrogateescape"), digest_size=16
    ).hexdigest()


def _kind(status: os.stat_result) -> str:
    if stat.S_ISFIFO(status.st_mode):
        return "it is a named pipe"
    if stat.S_ISDIR(status.st_mode):
        return "it is a folder"
    return "it is a device or a socket"


def _write(path: Path, recording: Recording, treatment: Treatment) -> None:
    # The first block of each file says its rate: all must have one, and one that a corpus can hold.
    streams = [_opened(source, recording.stream) for source in recording.audio]
    firsts = [next(stream) for stream in streams]
    rate_hz = _one_rate(recording, {rate for _, rate in firsts})
    channels = _one_count(recording, {len(block) for block, _ in firsts})

    # From here on everything is a stream: a recording of hours is never in memory.
    pairs = zip(firsts, streams, strict=True)
    sums = _sum([itertools.chain([first], rest) for first, rest in pairs], channels)
    levels = Levels()
    blocks = _measured(sums, levels, treatment.channels == "mono")
    if treatment.convert and treatment.sr_hz not in (None, rate_hz):
        blocks = treatment.convert(blocks, rate_hz, treatment.sr_hz)
        rate_hz = treatment.sr_hz
    kept = 1 if treatment.channels == "mono" else channels
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(_HEADER.pack(rate_hz, channels, kept, 0))
        n_samples = 0
        for block in blocks:
            file.write(np.ascontiguousarray(block.T, np.float32).data)
            n_samples += block.shape[1]
        if kept > n_samples:
            raise _unusable(recording, f"it has {kept} channels of {n_samples} samples")
        # Only the last block shows whether the channels cancel each other.
        file.seek(0)
        file.write(_HEADER.pack(rate_hz, channels, kept, levels.cancelled))


def _opened(source: Path, stream: int | None) -> Iterator[tuple[Float32, int]]:
    """The blocks (C, N) of a file, or of one stream of a container."""
    if stream is None:
        return stream_channels(source)
    return stream_of_container(optional("av", extra="separation"), source, stream)


def _one_rate(recording: Recording, rates: set[int]) -> int:
    """The rate of all files. Raises DataError E404 for several, and for one that no corpus holds."""
    text = " and ".join(map(str, sorted(rates)))
    if len(rates) > 1:
        raise _unusable(recording, f"its files have {text} Hz")
    (rate_hz,) = rates
    if not SR_MIN_HZ <= rate_hz <= SR_MAX_HZ:
        raise _unusable(recording, f"it has {text} Hz")
    return rate_hz


def _one_count(recording: Recording, counts: set[int]) -> int:
    """The channels of the sum of all files; mono files are in every channel. Raises DataError E404 for 2 and 5."""
    several = sorted(counts - {1})
    if len(several) > 1:
        text = " and ".join(map(str, several))
        raise _unusable(recording, f"its files have {text} channels")
    return max(counts)


def _measured(
    blocks: Iterable[Float32], levels: Levels, mono: bool
) -> Iterator[Float32]:
    """The blocks (C, N), or their means (1, N); `levels` has their energies when all have passed."""
    for channels in blocks:
        mean = mixed_down(channels)
        levels.add(channels, mean)
        yield mean[None] if mono else channels


def _unusable(recording: Recording, reason: str) -> DataError:
    return DataError(
        f"the audio of '{recording.key}' cannot be used: {reason}", code="E404"
    )


def _sum(
    streams: Iterable[Iterator[tuple[Float32, int]]], channels: int
) -> Iterator[Float32]:
    """The streams added, block by block (channels, N); shorter ones end in silence."""
    for blocks in itertools.zip_longest(*streams):
        present = [block[0] for block in blocks if block is not None]
        # A file that is alone is handed on as it is.
        if len(present) == 1:
            yield present[0]
            continue
        # The longest block gives the length; shorter files have ended.
        n_samples = max(one.shape[1] for one in present)
        total = np.zeros((channels, n_samples), np.float32)
        for one in present:
            # One channel is added to each.
            total[:, : one.shape[1]] += one
        yield total
