"""The short-time spectrum of a sound for pictures: a bounded number of columns however long the sound is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[Any]

WINDOW_S = 0.05  # short enough for onsets, long enough for the partials of a low note
MOST_COLUMNS = 1200  # a picture is hardly wider in pixels
BLOCK_FRAMES = 512  # transformed at once: bounds the memory
SILENCE_DB = -160.0  # of digital silence, whose logarithm is not a number


def as_channels(samples: Any) -> Float:
    """Samples (N,) or (C, N) as (C, N) float64; NaN and infinity as 0, for a picture must come of any sound."""
    values = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def window_length(sr_hz: float) -> int:
    """The power of two that is nearest to `WINDOW_S`, as a number of samples."""
    return int(2 ** max(5, round(np.log2(WINDOW_S * sr_hz))))


def levels_db(samples: Any, sr_hz: float) -> tuple[Float, Float, float]:
    """The level of each frequency over time.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        The power of several channels is averaged, so that opposite ones do not cancel each other.
    sr_hz : float
        Their sample rate in Hz.

    Returns
    -------
    levels_db : ndarray, shape (F, T)
        In dB relative to a sine of full scale, not under -160 dB; the T columns lie evenly over the sound.
    frequencies_hz : ndarray, shape (F,)
        From 0 Hz to half the sample rate.
    column_s : float
        The time from one column to the next in s.
    """
    channels = as_channels(samples)
    n_fft = window_length(sr_hz)
    hop = n_fft // 4
    n_frames = 1 + channels.shape[1] // hop

    # Frame t is centred on sample t · hop: half a window of silence on either side.
    padded = np.pad(channels, ((0, 0), (n_fft // 2, n_fft)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=1)
    frames = frames[:, ::hop][:, :n_frames]
    # A sine of amplitude 1 has a peak of half the window's sum.
    window = np.hanning(n_fft + 1)[:-1]
    gain = 2.0 / window.sum()

    # Of a long sound each column shows the loudest of several frames, so that nothing short is lost between columns.
    per_column = -(-n_frames // MOST_COLUMNS)
    step = BLOCK_FRAMES // per_column * per_column or per_column
    columns = []
    for start in range(0, n_frames, step):
        block = frames[:, start : start + step]
        power = np.square(np.abs(np.fft.rfft(block * window)) * gain).mean(axis=0)
        firsts = np.arange(0, len(power), per_column)
        columns.append(np.maximum.reduceat(power, firsts, axis=0))
    power = np.concatenate(columns).T
    decibels = 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))
    frequencies_hz = np.fft.rfftfreq(n_fft, 1 / sr_hz)
    return decibels, frequencies_hz, per_column * hop / sr_hz


def on_log_rows(
    levels: Float, frequencies_hz: Float, low_hz: float, n_rows: int
) -> Float:
    """Levels (F, T) at `n_rows` frequencies with equal steps on a log scale, from `low_hz` to the highest.

    Where a row spans several frequencies it shows the loudest; where it lies between two it is interpolated.
    """
    high_hz = frequencies_hz[-1]
    edges_hz = np.geomspace(low_hz, high_hz, n_rows + 1)
    centres_hz = np.sqrt(edges_hz[:-1] * edges_hz[1:])

    # Between two frequencies: a straight line in dB.
    spacing_hz = frequencies_hz[1]
    below = np.minimum((centres_hz / spacing_hz).astype(int), len(frequencies_hz) - 2)
    share = (centres_hz / spacing_hz - below)[:, None]
    rows: Float = (1 - share) * levels[below] + share * levels[below + 1]

    # Among several frequencies a partial must not fall between two rows.
    firsts = np.ceil(edges_hz / spacing_hz).astype(int)
    for row in np.flatnonzero(np.diff(firsts) > 1):
        rows[row] = levels[firsts[row] : firsts[row + 1]].max(axis=0)
    return rows
