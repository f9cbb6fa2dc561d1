"""Audio files: wav, flac, ogg and mp3, read in blocks, mixed down to mono."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import DataError

AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
Float32 = NDArray[np.float32]


def stream_audio(
    path: str | Path, block_samples: int = 1 << 20
) -> Iterator[tuple[Float32, int]]:
    """Blocks (mono float32 (N,), sr_hz) of `block_samples`, the last shorter; the channels are averaged.

    Raises DataError: E430 for a file that is missing or cannot be decoded, E431 for an empty one, E432 for NaN.
    """
    path = Path(path)
    try:
        _refuse_no_file(path)
        path.open("rb").close()  # soundfile calls every failure a system error
        with soundfile.SoundFile(path) as file:
            start = 0
            while len(
                samples := file.read(block_samples, dtype="float32", always_2d=True)
            ):
                yield _mono(samples, path, start), int(file.samplerate)
                start += len(samples)
    except (soundfile.SoundFileError, OSError) as error:
        if isinstance(error, OSError):
            own = error.strerror
        else:
            own = str(error).rpartition(": ")[2].strip(". \n")
        reason = (
            "there is no such file" if isinstance(error, FileNotFoundError) else own
        )
        raise DataError(
            f"cannot read the audio file '{path}': {reason}",
            code="E430",
            help="wav, flac, ogg and mp3 are read",
        ) from error
    if start == 0:
        raise DataError(f"the audio file '{path}' is empty", code="E431")


def _refuse_no_file(path: Path) -> None:
    """Raises DataError E430 for a pipe, on which reading would wait forever, E431 for a file of 0 bytes."""
    status = path.stat()
    if stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode):
        raise DataError(
            f"cannot read the audio file '{path}': it is a named pipe or a socket",
            code="E430",
            help="write the audio to a file first",
        )
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise DataError(f"the audio file '{path}' is empty", code="E431")


def _mono(samples: Float32, path: Path, start: int) -> Float32:
    """(N, channels) -> (N,)."""
    mono: Float32 = samples.mean(axis=1, dtype=np.float32)
    bad = ~np.isfinite(mono)
    if bad.any():
        raise DataError(
            f"the audio file '{path}' has NaN or infinity",
            code="E432",
            facts=[("first", f"sample {start + int(np.argmax(bad))}")],
        )
    return mono
