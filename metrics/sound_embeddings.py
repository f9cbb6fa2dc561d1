"""Embeddings of sounds that need no trained model: statistics of mel bands and of chroma, to compare sets by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..features.mel_scale import mel_points_hz, mel_triangles

Float64 = NDArray[np.float64]

BLOCK_FRAMES = 1024  # transformed at once
FLOOR = 1e-10  # of power, where a sine of amplitude 1 has about 1: -100 dB
C0_HZ = 440.0 * 2 ** (-57 / 12)


class SoundEmbedding(Protocol):
    """What turns a sound into one vector: the statistics below, or a layer of a model."""

    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (D,) of a waveform (N,) at any sampling rate."""
        ...


def embed_sounds(
    sounds: Iterable[tuple[ArrayLike | Tensor, int]], embedding: SoundEmbedding
) -> Float64:
    """Embeddings (number of sounds, D), one sound in memory at a time.

    Parameters
    ----------
    sounds : iterable of (array_like or Tensor, int)
        Waveforms (N,), each with its sampling rate in Hz.
    embedding : SoundEmbedding
        Such as `MelStatistics()`.

    Returns
    -------
    ndarray
        (number of sounds, D), float64.

    Raises
    ------
    ValueError
        Without any sound.

    Examples
    --------
    >>> embed_sounds([(np.zeros(800), 8000), (np.ones(50), 16000)], ChromaStatistics()).shape
    (2, 24)
    """
    rows = [embedding(wave, sr_hz) for wave, sr_hz in sounds]
    if not rows:
        raise ValueError("expected at least one sound, got none")
    return np.stack(rows)


class MelStatistics:
    """Mean and standard deviation over time of each mel band in dB, (2 · n_mels,): timbre and level, no order.

    Parameters
    ----------
    n_mels : int
        Bands on the HTK scale, triangles of height 1.
    lowest_hz, highest_hz : float
        Ends of the bands. Above half of the sampling rate there is nothing, as in a recording that was low-passed.
    window_s, hop_s : float
        Of the Hann window, in seconds, so that sounds of all rates compare.

    Raises
    ------
    ValueError
        For bounds that are not 0 ≤ lowest < highest, or times that are not above 0.

    Notes
    -----
    0 dB is about a sine of amplitude 1; nothing lies under -100 dB, and the softest bands weigh as much as the loudest.

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> embedding = MelStatistics(n_mels=40)(wave, 16000)
    >>> embedding.shape, int(embedding[:40].argmax())
    ((80,), 6)
    """

    def __init__(
        self,
        n_mels: int = 64,
        lowest_hz: float = 50.0,
        highest_hz: float = 8000.0,
        window_s: float = 0.064,
        hop_s: float = 0.016,
    ) -> None:
        _check_settings(lowest_hz, highest_hz, window_s, hop_s)
        self.window_s = window_s
        self.hop_s = hop_s
        self.peaks_hz = mel_points_hz(lowest_hz, highest_hz, n_mels + 2, "htk")

    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (2 · n_mels,) of a waveform (N,); ValueError for other axes, no samples, or what is not finite."""
        n_fft = _n_fft(self.window_s, sr_hz)
        bands = mel_triangles(self.peaks_hz, n_fft // 2 + 1, sr_hz / n_fft, False)
        filters = bands.double().numpy().T
        statistics = TimeStatistics()
        for power in _power(wave, sr_hz, n_fft, self.hop_s):
            statistics.add(10 * np.log10(np.maximum(power @ filters, FLOOR)))
        return statistics.mean_and_std()


class ChromaStatistics:
    """Mean and standard deviation over time of the twelve pitch classes' shares, (24,): harmony, no timbre or level.

    Parameters
    ----------
    lowest_hz, highest_hz : float
        What is heard; under 100 Hz the window does not tell semitones apart.
    window_s, hop_s : float
        Of the Hann window, in seconds.

    Raises
    ------
    ValueError
        For bounds that are not 0 < lowest < highest, or times that are not above 0.

    Notes
    -----
    The power of each frequency goes to the two nearest classes by its distance to them, C first, at A = 440 Hz; a
    frame's classes sum to 1, and a silent frame has 0 in all.

    References
    ----------
    Fujishima, "Realtime Chord Recognition of Musical Sound", ICMC 1999.

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> int(ChromaStatistics()(wave, 16000)[:12].argmax())  # A
    9
    """

    def __init__(
        self,
        lowest_hz: float = 100.0,
        highest_hz: float = 4000.0,
        window_s: float = 0.2,
        hop_s: float = 0.05,
    ) -> None:
        _check_settings(lowest_hz, highest_hz, window_s, hop_s)
        if not lowest_hz > 0:
            raise ValueError("a pitch class needs a frequency above 0 Hz")
        self.lowest_hz = lowest_hz
        self.highest_hz = highest_hz
        self.window_s = window_s
        self.hop_s = hop_s

    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (24,) of a waveform (N,); ValueError for other axes, no samples, or what is not finite."""
        n_fft = _n_fft(self.window_s, sr_hz)
        filters = self._filters(n_fft, sr_hz)
        statistics = TimeStatistics()
        for power in _power(wave, sr_hz, n_fft, self.hop_s):
            classes = power @ filters
            total = classes.sum(axis=1, keepdims=True)
            shares = np.zeros_like(classes)
            np.divide(classes, total, out=shares, where=total > FLOOR)
            statistics.add(shares)
        return statistics.mean_and_std()

    def _filters(self, n_fft: int, sr_hz: int) -> Float64:
        """(n_fft // 2 + 1, 12)"""
        hz = np.arange(n_fft // 2 + 1) * sr_hz / n_fft
        heard = (hz >= self.lowest_hz) & (hz <= self.highest_hz)
        semitones = 12 * np.log2(np.maximum(hz, self.lowest_hz) / C0_HZ)
        # The distance to each class on the circle of twelve.
        distance = np.abs((semitones[:, None] - np.arange(12) + 6) % 12 - 6)
        filters: Float64 = np.maximum(0.0, 1 - distance) * heard[:, None]
        return filters


def _check_settings(
    lowest_hz: float, highest_hz: float, window_s: float, hop_s: float
) -> None:
    if not 0 <= lowest_hz < highest_hz:
        raise ValueError(
            f"expected 0 <= lowest_hz < highest_hz, got {lowest_hz:g} and {highest_hz:g}"
        )
    if not (window_s > 0 and hop_s > 0):
        raise ValueError(
            f"expected a window and a hop above 0 s, got {window_s:g} and {hop_s:g}"
        )


def _n_fft(window_s: float, sr_hz: int) -> int:
    return max(4, 2 * round(window_s * sr_hz / 2))


def _power(
    wave: ArrayLike | Tensor, sr_hz: int, n_fft: int, hop_s: float
) -> Iterator[Float64]:
    """Power (some frames, n_fft // 2 + 1), in which a sine of amplitude 1 peaks at 1; whole frames only.

    A sound that is shorter than a frame is followed by silence.
    """
    if isinstance(wave, Tensor):
        wave = wave.detach().cpu().double().numpy()
    samples = np.asarray(wave, dtype=np.float64)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(
            f"expected a waveform (N,) of at least one sample, got {samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise ValueError("a sample is not finite")
    if len(samples) < n_fft:
        samples = np.pad(samples, (0, n_fft - len(samples)))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    window *= 2 / window.sum()
    hop = max(1, round(hop_s * sr_hz))
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop]
    for first in range(0, len(frames), BLOCK_FRAMES):
        spectrum = np.fft.rfft(frames[first : first + BLOCK_FRAMES] * window)
        yield np.square(spectrum.real) + np.square(spectrum.imag)


class TimeStatistics:
    """Mean and standard deviation over frames that come in blocks, without keeping them."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Float64 | float = 0.0
        self._squares: Float64 | float = 0.0

    def add(self, frames: Float64) -> None:
        # Blocks are joined by their own means: sums of squares would lose the digits of a steady sound.
        mean = frames.mean(axis=0)
        delta = mean - self._mean
        total = self._count + len(frames)
        within = np.square(frames - mean).sum(axis=0)
        between = np.square(delta) * self._count * len(frames) / total
        self._squares = self._squares + within + between
        self._mean = self._mean + delta * len(frames) / total
        self._count = total

    def mean_and_std(self) -> Float64:
        return np.concatenate([self._mean, np.sqrt(self._squares / self._count)])
