"""A whole audio file with its channels as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .audio import stream_channels


def read_channels(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """The samples of a file, (C, N), and its sample rate in Hz.

    Raises DataError: E430 for a file that is missing or cannot be decoded, E431 for an empty one, E432 for NaN.
    """
    parts = []
    sr_hz = 0
    for block, rate_hz in stream_channels(path):
        parts.append(block)
        sr_hz = rate_hz
    return np.concatenate(parts, axis=1), sr_hz
