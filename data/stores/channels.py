"""A whole audio file with its channels as they are, for listening; recordings of a corpus are mixed down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import DataError
from .audio import opened, stream_audio


def read_channels(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """The samples of a file, (C, N), and its sample rate in Hz.

    Raises DataError: E430 for a file that is missing or cannot be decoded, E431 for an empty one, E432 for NaN.
    """
    # The mono reader names everything that may be wrong with a file; what it has accepted can be read.
    for _ in stream_audio(path):
        pass
    try:
        with opened(Path(path)) as file:
            samples = file.read(dtype="float32", always_2d=True)
            sr_hz = file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(
            f"cannot read the audio file '{path}': it changed while it was read",
            code="E430",
            help="run the command again",
        ) from error
    return np.ascontiguousarray(samples.T), int(sr_hz)
