"""Samples as a wav file: of 16 bits, what every program opens, or of 32-bit floating-point numbers, which lose nothing.

The same samples give the same bytes. libsndfile writes the time of day into files of floating-point numbers.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

LARGEST = 32767  # of 16 bits, the value of a sample of 1
_BYTES = 2
PCM = 1
IEEE_FLOAT = 3


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
    form = _format(PCM, n_channels, int(sr_hz), _BYTES)
    chunks = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"data", data)
    return _chunk(b"RIFF", chunks)


def float_wav_bytes(samples: Any, sr_hz: int) -> bytes:
    """A wav file of 32-bit floating-point numbers, nothing scaled and nothing clipped.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        float32 numbers, as a rule within -1 … 1.
    sr_hz : int
        The sample rate in Hz.

    Returns
    -------
    bytes
        The same for the same samples on every machine.

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.data.stores.wav import float_wav_bytes
    >>> len(float_wav_bytes(np.zeros((2, 100), np.float32), 16000)) - 58  # headers, then four bytes per sample
    800
    """
    channels = np.atleast_2d(np.asarray(samples, dtype=np.float32))
    n_channels, n_samples = channels.shape
    # Other formats than PCM say how many bytes of their own follow, and how many samples there are.
    form = _format(IEEE_FLOAT, n_channels, int(sr_hz), 4) + struct.pack("<H", 0)
    fact = struct.pack("<I", n_samples)
    data = channels.T.astype("<f4").tobytes()
    chunks = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"fact", fact)
    return _chunk(b"RIFF", chunks + _chunk(b"data", data))


def _format(kind: int, n_channels: int, sr_hz: int, n_bytes: int) -> bytes:
    """The chunk "fmt ": kind, channels, rate, bytes per second and per frame, bits per sample."""
    frame_bytes = n_bytes * n_channels
    return struct.pack(
        "<HHIIHH",
        kind,
        n_channels,
        sr_hz,
        sr_hz * frame_bytes,
        frame_bytes,
        8 * n_bytes,
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
