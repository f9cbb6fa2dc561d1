"""Audio files: wav, flac, ogg and mp3, read in blocks, mixed down to mono."""

from __future__ import annotations

import io
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import DataError
from . import mp3
from .hdf5_store import SR_MAX_HZ, SR_MIN_HZ
from .loss import loss_of

AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
Float32 = NDArray[np.float32]

MOST_CANCELLED = 1e-4  # share of the channels' mean power: 40 dB less


def stream_audio(
    path: str | Path, block_samples: int = 1 << 20
) -> Iterator[tuple[Float32, int]]:
    """Blocks (mono float32 (N,), sr_hz) of `block_samples`, the last shorter; the channels are averaged.

    Warns where decoding ends early, and where the channels cancel each other. Raises DataError: E430 for a file that is
    missing, cannot be decoded or has an impossible sample rate, E431 for an empty one, E432 for NaN.
    """
    path = Path(path)
    try:
        # What soundfile would wait for, or word badly, is refused before it sees the file.
        _refuse_no_file(path)
        path.open("rb").close()  # soundfile calls every failure a system error
        with opened(path) as file:
            sr_hz = _rate_of(file, path)
            start = 0
            levels = np.zeros(2)
            while len(
                samples := file.read(block_samples, dtype="float32", always_2d=True)
            ):
                mono = _mono(samples, path, start)
                # The power before and after mixing down, to find channels that cancel each other.
                levels += np.sum(np.square(samples)) / file.channels, mono @ mono
                yield mono, sr_hz
                start += len(samples)
            # Decoders end silently at a damaged frame: only the count of samples shows it.
            lost = loss_of(path, file.format, start, file.frames)
            if lost is not None:
                warnings.warn(lost, UserWarning, stacklevel=2)
            warn_of_cancelled_channels(f"'{path}'", *levels)
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
        raise _empty(path)


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


def _rate_of(file: soundfile.SoundFile, path: Path) -> int:
    """The sample rate in the header. Raises DataError E430 for one that no recording has, before any audio is read."""
    sr_hz = int(file.samplerate)
    if SR_MIN_HZ <= sr_hz <= SR_MAX_HZ:
        return sr_hz
    raise DataError(
        f"cannot read the audio file '{path}': its header has a sample rate of {sr_hz:,} Hz",
        code="E430",
        facts=[("expected", f"{SR_MIN_HZ:,} to {SR_MAX_HZ:,} Hz")],
        help="correct the header, or write the audio again",
    )


def warn_of_cancelled_channels(name: str, channels: float, mono: float) -> None:
    """Warn where the mean of the channels has next to none of their power: one is the other upside down.

    channels  the mean of the channels' energies, and `mono` the energy of their mean
    """
    if channels > 0 and mono < MOST_CANCELLED * channels:
        message = (
            f"the channels of {name} cancel each other: their mean, which is read, is nearly silent; "
            "turn the polarity of one of them, or write one channel only"
        )
        warnings.warn(message, UserWarning, stacklevel=2)


def _empty(path: Path) -> DataError:
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
        raise _empty(path)


def _mono(samples: Float32, path: Path, start: int) -> Float32:
    """(N, channels) -> (N,)."""
    # Infinite samples are refused below, in words; NumPy would warn of them first.
    with np.errstate(invalid="ignore", over="ignore"):
        mono: Float32 = samples.mean(axis=1, dtype=np.float32)
    bad = ~np.isfinite(mono)
    if bad.any():
        raise DataError(
            f"the audio file '{path}' has NaN or infinity",
            code="E432",
            facts=[("first", f"sample {start + int(np.argmax(bad))}")],
        )
    return mono
