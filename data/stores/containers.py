"""Containers with several streams of audio, such as the .stem.mp4 of MUSDB18, read by the package `av` (PyAV)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .audio import empty_file, rate_within, refuse_nan

Float32 = NDArray[np.float32]


def count_streams(av: Any, path: Path) -> int:
    """How many streams of audio a container has. `av` is the package. Raises DataError E430."""
    try:
        with av.open(str(path)) as container:
            return len(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def stream_of_container(
    av: Any, path: Path, number: int, block_samples: int = 1 << 20
) -> Iterator[tuple[Float32, int]]:
    """Blocks (float32 (C, N), sr_hz) of one stream of audio, the last shorter.

    Parameters
    ----------
    av : module
        The package.
    path : Path
        The container.
    number : int
        Which of its streams of audio, counted from 0.
    block_samples : int
        Samples of a block.

    Raises
    ------
    DataError
        E430 for a container that cannot be read, or an impossible sample rate, E431 for a stream without a sample, E432
        for NaN.
    """
    start = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[number]
            sr_hz = rate_within(int(stream.rate), path)
            parts = _decoded(av, container, stream)
            for channels in _regrouped(parts, block_samples):
                refuse_nan(channels.T, path, start)
                yield channels, sr_hz
                start += channels.shape[1]
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise _unreadable(path, error) from error
    if start == 0:
        raise empty_file(path)


def _decoded(av: Any, container: Any, stream: Any) -> Iterator[Float32]:
    """The frames of a stream, (C, n) each."""
    # Codecs give samples of several types, packed or by channel; this makes one of them all, and changes no value.
    uniform = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
    for frame in container.decode(stream):
        for part in uniform.resample(frame):
            yield part.to_ndarray()
    for part in uniform.resample(None):
        yield part.to_ndarray()


def _regrouped(parts: Iterable[Float32], block_samples: int) -> Iterator[Float32]:
    """The same samples in blocks of one size: frames of a codec have some hundred samples each."""
    held: list[Float32] = []
    n_held = 0
    for part in parts:
        held.append(part)
        n_held += part.shape[1]
        if n_held < block_samples:
            continue
        joined = np.concatenate(held, axis=1)
        n_whole = n_held // block_samples * block_samples
        yield from np.split(joined[:, :n_whole], n_whole // block_samples, axis=1)
        held = [joined[:, n_whole:]]
        n_held -= n_whole
    if n_held:
        yield np.concatenate(held, axis=1)


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or str(error)
    return DataError(
        f"cannot read the audio of '{path}': {reason}",
        code="E430",
        help="take it from its source again, or leave it out",
    )
