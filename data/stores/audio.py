"""Audio files: wav, flac, ogg and mp3, read in blocks, with their channels or mixed down to mono."""

from __future__ import annotations

import contextlib
import io
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean
from . import mp3
from .downmix import Levels, mixed_down, warn_of_cancelled_channels
from .hdf5_store import SR_MAX_HZ, SR_MIN_HZ
from .loss import loss_of

AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
Float32 = NDArray[np.float32]


def stream_audio(
    path: str | Path, block_samples: int = 1 << 20
) -> Iterator[tuple[Float32, int]]:
    """Blocks (mono float32 (N,), sr_hz) of `block_samples`, the last shorter; the channels are averaged.

    Warns where decoding ends early, and where the channels cancel each other. Raises DataError: E430 for a file that is
    missing, cannot be decoded or has an impossible sample rate, E431 for an empty one, E432 for NaN.
    """
    levels = Levels()
    start = 0
    for channels, sr_hz in stream_channels(path, block_samples):
        mono = mixed_down(channels)
        # The sum of finite samples may still be too large for float32.
        refuse_nan(mono[:, None], Path(path), start)
        levels.add(channels, mono)
        yield mono, sr_hz
        start += len(mono)
    warn_of_cancelled_channels(f"'{path}'", levels)


def stream_channels(
    path: str | Path, block_samples: int = 1 << 20
) -> Iterator[tuple[Float32, int]]:
    """Blocks (float32 (C, N), sr_hz) of `block_samples`, the last shorter, with the channels of the file.

    Warns where decoding ends early; raises as `stream_audio`.
    """
    path = Path(path)
    try:
        # What soundfile would wait for, or word badly, is refused before it sees the file.
        _refuse_no_file(path)
        path.open("rb").close()  # soundfile calls every failure a system error
        with opened(path) as file:
            sr_hz = rate_within(int(file.samplerate), path)
            start = 0
            while len(
                frames := file.read(block_samples, dtype="float32", always_2d=True)
            ):
                refuse_nan(frames, path, start)
                yield frames.T, sr_hz
                start += len(frames)
            # Decoders end silently at a damaged frame: only the count of samples shows it.
            lost = loss_of(path, file.format, start, file.frames)
            if lost is not None:
                warnings.warn(lost, UserWarning, stacklevel=2)
    except (soundfile.SoundFileError, OSError) as error:
        raise _unreadable(path, error) from error
    if start == 0:
        raise empty_file(path)


def _unreadable(path: Path, error: Exception) -> DataError:
    """DataError E430 of what soundfile or the system has raised."""
    reason: str | None
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        reason = "there is no such file"
        help = _near(path)
    elif isinstance(error, IsADirectoryError):
        reason = "it is a folder"
        help = "give one of its files"
    elif isinstance(error, PermissionError):
        reason = error.strerror
        help = "give yourself the right to read it, and to enter the folders above it"
    elif isinstance(error, OSError):
        reason = error.strerror
        help = "take it from its source again, or leave it out"
    else:
        reason = str(error).rpartition(": ")[2].strip(". \n")
        help = "wav, flac, ogg and mp3 are read"
    return DataError(
        f"cannot read the audio file '{path}': {reason}", code="E430", help=help
    )


def _near(path: Path) -> str:
    """What may be meant by the name of a file that is missing."""
    for folder in reversed(path.parents):
        if not folder.is_dir():
            return f"'{folder}' is not a folder: correct the path"
    with contextlib.suppress(OSError):
        names = [one.name for one in path.parent.iterdir()]
        near = did_you_mean(path.name, names)
        if near is not None:
            return near
    return f"correct the path: the folder '{path.parent.absolute()}' has no file of that name"


def opened(path: Path) -> soundfile.SoundFile:
    """The file, ready to be read to its end; raises what soundfile does."""
    file = soundfile.SoundFile(path)
    if file.format not in ("MP3", "MPEG"):
        return file
    data = path.read_bytes()
    if mp3.announces_length(data):
        return file

    # Without a length the decoder guesses one by the first frame's bit rate, and reads no further: of a varying
    # rate a third may be all that it finds.
    held = mp3.stretches(data)
    if held and file.frames < held[0].samples - mp3.LARGEST_FRAME:
        file.close()
        return soundfile.SoundFile(io.BytesIO(mp3.with_length(data)))
    return file


def rate_within(sr_hz: int, path: Path) -> int:
    """The sample rate in a header. Raises DataError E430 for one that no recording has, before any audio is read."""
    if SR_MIN_HZ <= sr_hz <= SR_MAX_HZ:
        return sr_hz
    raise DataError(
        f"cannot read the audio file '{path}': its header has a sample rate of {sr_hz:,} Hz",
        code="E430",
        facts=[("expected", f"{SR_MIN_HZ:,} to {SR_MAX_HZ:,} Hz")],
        help="correct the header, or write the audio again",
    )


def empty_file(path: Path) -> DataError:
    """DataError E431."""
    return DataError(
        f"the audio file '{path}' is empty",
        code="E431",
        help="take it from its source again, or leave it out",
    )


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
        raise empty_file(path)


def refuse_nan(frames: Float32, path: Path, start: int) -> None:
    """Raises DataError E432 for (N, C) with NaN or infinity; `start` is the sample that they begin with."""
    bad = ~np.isfinite(frames).all(axis=1)
    if bad.any():
        raise DataError(
            f"the audio file '{path}' has NaN or infinity",
            code="E432",
            facts=[("first", f"sample {start + int(np.argmax(bad))}")],
            help="write the audio again, or leave it out",
        )
