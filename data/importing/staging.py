"""The audio of an import while it runs: a file for each recording, decoded once, so that a killed run can go on.

A staged file is two 64-bit numbers, the rate in Hz and the channels that were averaged, then the samples as float32.
Its name is a hash of where the audio lies, how large and how old it is, and the rate it is converted to.
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

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import DataError
from ..importers.contract import Recording
from ..importers.guarded import unexpected
from ..stores.atomic import written_whole
from ..stores.audio import stream_audio
from ..stores.hdf5_store import SR_MAX_HZ, SR_MIN_HZ
from ..stores.reading import unreadable

Float32 = NDArray[np.float32]
Convert = Callable[
    [Iterable[Float32], int, int], Iterator[Float32]
]  # blocks, from_hz, to_hz -> blocks
_HEADER = struct.Struct("<qq")


@dataclass(frozen=True)
class Staged:
    """Audio that lies ready: `samples` maps the file into memory."""

    path: Path
    sr_hz: int
    channels: int
    n_samples: int

    @classmethod
    def open(cls, path: Path) -> Staged:
        with path.open("rb") as file:
            sr_hz, channels = _HEADER.unpack(file.read(_HEADER.size))
        return cls(path, sr_hz, channels, (path.stat().st_size - _HEADER.size) // 4)

    def samples(self) -> Float32:
        return np.memmap(self.path, np.float32, "r", _HEADER.size, (self.n_samples,))


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
    sr_hz: int | None,
    convert: Convert | None,
) -> Outcome:
    """Decode, average and convert the audio of a recording, unless that is done. Runs in worker processes.

    Raises DataError E408 where the folder cannot be written; what is wrong with the audio is in the outcome.
    """
    try:
        path = folder / _name(recording, sr_hz)
        # The file appears whole, so one that is there was finished by an earlier run.
        if not path.exists():
            _write(path, recording, sr_hz, convert)
        return Outcome(index, Staged.open(path), None)
    except DataError as error:
        if error.code == "E408":
            raise
        return Outcome(index, None, error)
    except Exception as error:  # whatever a decoder meets in a damaged file
        text = f"cannot read the audio of '{recording.key}'"
        return Outcome(index, None, unexpected(text, error))


def _name(recording: Recording, sr_hz: int | None) -> str:
    parts: list[object] = [sr_hz]
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


def _write(
    path: Path, recording: Recording, sr_hz: int | None, convert: Convert | None
) -> None:
    # The first block of each file says its rate: all must have one, and one that a corpus can hold.
    streams = [stream_audio(source) for source in recording.audio]
    firsts = [next(stream) for stream in streams]
    rates = sorted({rate for _, rate in firsts})
    text = " and ".join(map(str, rates))
    if len(rates) > 1:
        raise _unusable(recording, f"its files have {text} Hz")
    if not SR_MIN_HZ <= rates[0] <= SR_MAX_HZ:
        raise _unusable(recording, f"it has {text} Hz")

    # From here on everything is a stream: a recording of hours is never in memory.
    pairs = zip(firsts, streams, strict=True)
    blocks = _sum([itertools.chain([first], rest) for first, rest in pairs])
    if convert is not None and sr_hz is not None and rates[0] != sr_hz:
        blocks = convert(blocks, rates[0], sr_hz)
    channels = max(soundfile.info(source).channels for source in recording.audio)
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(_HEADER.pack(sr_hz or rates[0], channels))
        for block in blocks:
            file.write(np.ascontiguousarray(block, np.float32).data)


def _unusable(recording: Recording, reason: str) -> DataError:
    return DataError(
        f"the audio of '{recording.key}' cannot be used: {reason}", code="E404"
    )


def _sum(streams: Iterable[Iterator[tuple[Float32, int]]]) -> Iterator[Float32]:
    """The streams added, block by block; shorter ones end in silence."""
    for blocks in itertools.zip_longest(*streams):
        present = [block[0] for block in blocks if block is not None]
        # Into the longest block, which is this stream's own; shorter files have ended.
        total = max(present, key=len)
        for block in present:
            if block is not total:
                total[: len(block)] += block
        yield total
