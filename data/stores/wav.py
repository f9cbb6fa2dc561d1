"""Samples as a wav file of 16 bits: what a browser plays, and what every program opens."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

LARGEST = 32767  # of 16 bits, the value of a sample of 1
_BYTES = 2


def wav_bytes(samples: Any, sr_hz: int) -> bytes:
    """A wav file of 16-bit PCM.

    Samples beyond -1 … 1 are clipped; nothing is scaled, so that sounds keep their loudness relative to each other.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        Floating-point numbers within -1 … 1; NaN becomes 0.
    sr_hz : int
        The sample rate in Hz.

    Returns
    -------
    bytes
        The same for the same samples on every machine.

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.data.stores.wav import wav_bytes
    >>> len(wav_bytes(np.zeros((2, 100)), 16000)) - 44  # a header, then two bytes per sample
    400
    """
    channels = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    channels = np.nan_to_num(channels, nan=0.0, posinf=1.0, neginf=-1.0)
    rounded = np.rint(np.clip(channels, -1.0, 1.0) * LARGEST)
    # A wav file holds a sample of each channel, then the next of each.
    data = rounded.T.astype("<i2").tobytes()
    n_channels = len(channels)
    frame_bytes = _BYTES * n_channels

    # The chunk "fmt ": PCM is format 1.
    form = struct.pack(
        "<HHIIHH",
        1,
        n_channels,
        int(sr_hz),
        int(sr_hz) * frame_bytes,
        frame_bytes,
        8 * _BYTES,
    )
    chunks = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"data", data)
    return _chunk(b"RIFF", chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
