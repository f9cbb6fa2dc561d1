"""The pitch of a single note, by its waveform: what was asked for beside what is heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOUDEST_S = 0.5  # of a note: where its pitch is clearest
FRAME_S = 0.064  # that are compared with themselves, two periods of the lowest pitch
N_FRAMES = 9
DIP = 0.15  # of YIN's difference: the first dip below it is the period
SILENCE = 1e-5  # root mean square under which there is nothing to hear
QUARTER_TONE = 0.5  # semitones
A4_HZ = 440.0
A4_MIDI = 69.0


def heard_midi(
    wave: ArrayLike, sr_hz: float, *, fmin_hz: float = 30.0, fmax_hz: float = 3000.0
) -> float:
    """The pitch of the loudest half second of a note.

    Parameters
    ----------
    wave : array_like, shape (N,)
        The note.
    sr_hz : float
        Its sample rate in Hz.
    fmin_hz, fmax_hz : float
        The pitches that are looked for, in Hz.

    Returns
    -------
    float
        The median over frames as a MIDI number with its fraction, 69 = 440 Hz; NaN for silence.

    References
    ----------
    de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 2002, steps 1 to 5.

    Examples
    --------
    >>> t = np.arange(16000) / 16000
    >>> round(heard_midi(np.sin(2 * np.pi * 440 * t), 16000), 2)
    69.0
    """
    samples = np.asarray(wave, np.float64).reshape(-1)
    size = round(FRAME_S * sr_hz)
    longest = int(np.ceil(sr_hz / fmin_hz)) + 1
    loudest = _loudest(samples, round(LOUDEST_S * sr_hz))
    if not loudest.size or np.sqrt(np.mean(loudest**2)) < SILENCE:
        return float("nan")

    # A frame is compared with what follows it, up to the longest period.
    short = size + longest - len(loudest)
    loudest = np.pad(loudest, (0, max(short, 0)))
    starts = np.linspace(0, len(loudest) - size - longest, N_FRAMES).round().astype(int)
    midis = []
    for start in np.unique(starts):
        stretch = loudest[start : start + size + longest]
        period = _period(stretch, size, sr_hz / fmax_hz)
        midis.append(A4_MIDI + 12 * np.log2(sr_hz / period / A4_HZ))
    return float(np.median(midis))


def pitch_figures(asked: Sequence[float], heard: Sequence[float]) -> dict[str, float]:
    """How well notes have the pitches that were asked for.

    Parameters
    ----------
    asked, heard : sequence of float
        MIDI numbers; NaN where nothing was heard, which counts as wrong.

    Returns
    -------
    dict
        "pitch_accuracy", the share within a quarter tone, and "pitch_chroma_accuracy", the same without octaves.
    """
    error = np.asarray(heard, np.float64) - np.asarray(asked, np.float64)
    if not error.size:
        return {}
    within_octave = (error + 6) % 12 - 6
    return {
        "pitch_accuracy": float(np.mean(np.abs(error) < QUARTER_TONE)),
        "pitch_chroma_accuracy": float(np.mean(np.abs(within_octave) < QUARTER_TONE)),
    }


def _loudest(samples: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The stretch of `size` samples with most energy; all where there are fewer."""
    if len(samples) <= size:
        return samples
    energy = np.concatenate(([0.0], np.cumsum(samples**2)))
    start = int(np.argmax(energy[size:] - energy[:-size]))
    return samples[start : start + size]


def _period(stretch: NDArray[np.float64], size: int, shortest: float) -> float:
    """The period of a stretch in samples, with its fraction."""
    n_lags = len(stretch) - size
    frame = stretch[:size]
    # Step 2: the energy of frame minus frame, a lag later: two energies, less twice their product (by FFT).
    n_fft = 1 << int(np.ceil(np.log2(len(stretch) + size)))
    spectrum = np.fft.rfft(stretch, n_fft) * np.conj(np.fft.rfft(frame, n_fft))
    product = np.fft.irfft(spectrum, n_fft)[: n_lags + 1]
    energy = np.concatenate(([0.0], np.cumsum(stretch**2)))
    difference = energy[size] + energy[size:] - energy[: n_lags + 1] - 2 * product
    difference = np.maximum(difference, 0.0)

    # Step 3: over the mean up to each lag, so that short lags do not win by being short.
    lags = np.arange(1, n_lags + 1)
    running = np.cumsum(difference[1:])
    normalized = np.ones(n_lags + 1)
    normalized[1:] = difference[1:] * lags / np.maximum(running, 1e-20)

    # Step 4: the first dip that is deep enough, down to its bottom; the deepest where none is.
    first = max(2, int(np.floor(shortest)))
    deep = np.flatnonzero(normalized[first:-1] < DIP)
    if deep.size:
        lag = first + int(deep[0])
        while lag + 1 < n_lags and normalized[lag + 1] < normalized[lag]:
            lag += 1
    else:
        lag = first + int(np.argmin(normalized[first:-1]))

    # Step 5: the bottom of a parabola through three lags.
    below, here, above = normalized[lag - 1 : lag + 2]
    curvature = below - 2 * here + above
    if curvature <= 0:
        return float(lag)
    return lag + float(np.clip((below - above) / (2 * curvature), -1.0, 1.0))
