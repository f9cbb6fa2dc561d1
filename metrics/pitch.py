"""The pitch of a single note, as heard: to be compared with the pitch that was asked for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..midi_numbers import midi_of

Float64 = NDArray[np.float64]

LOWEST_HZ = 40.0
HIGHEST_HZ = 4500.0
THRESHOLD = 0.1  # of the normalised difference: the paper's
MARGIN = 0.03  # above the deepest dip
FRAME_S = 0.05  # compared with itself, one period later at most 1 / LOWEST_HZ
HOP_S = 0.01
FINEST_HZ = 80_000  # lags per second, at least
LOUD_DB = (
    -20.0
)  # of a frame against the loudest one: softer ones are attack, decay and room
MOST_FRAMES = 100


def note_f0_hz(
    wave: ArrayLike | Tensor,
    sr_hz: int,
    *,
    lowest_hz: float = LOWEST_HZ,
    highest_hz: float | None = None,
) -> float | None:
    """The fundamental frequency of a recording of one note: the median over its loud frames.

    Parameters
    ----------
    wave : array_like or Tensor
        Waveform (N,).
    sr_hz : int
        Its sampling rate.
    lowest_hz, highest_hz : float
        What is searched, by default 40 Hz to the lower of 4500 Hz and a quarter of `sr_hz`; a note outside is heard
        an octave off, or not at all.

    Returns
    -------
    float or None
        Hz; None for silence, for what has no pitch, and for a sound shorter than one
        frame: 50 ms (or the longest period, where that is longer) and the longest period.

    Raises
    ------
    ValueError
        For another number of axes, samples that are not finite, and bounds that are not 0 < lowest < highest ≤ a
        quarter of the sampling rate.

    Notes
    -----
    YIN in each of the loud frames (at most 100, evenly spaced): the difference function, its cumulative mean
    normalised form, the first dip under 0.1, a parabola through it. Two things differ: a dip must also lie within 0.03
    of the deepest one, or a strong second harmonic makes low notes an octave too high; and below 80 kHz the function
    is computed between samples too. Frames without such a dip do not vote. It is meant for one instrument playing one
    note; it does not track melodies or chords.

    References
    ----------
    de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111, 2002,
    eq. 6 and 8, steps 2 to 5.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
    >>> round(note_f0_hz(wave, 16000), 1)
    220.0
    >>> note_f0_hz(np.zeros(16000), 16000) is None
    True
    """
    samples = _mono(wave)
    if highest_hz is None:
        highest_hz = min(HIGHEST_HZ, sr_hz / 4)
    if not 0 < lowest_hz < highest_hz <= sr_hz / 4:
        raise ValueError(
            f"expected 0 < lowest_hz < highest_hz up to {sr_hz / 4:g} Hz, a quarter of sr_hz, "
            f"got {lowest_hz:g} and {highest_hz:g}"
        )
    longest = int(np.ceil(sr_hz / lowest_hz)) + 1
    shortest = max(2, int(sr_hz / highest_hz))
    frames = _loud_frames(samples, sr_hz, longest)
    if not len(frames):
        return None
    finer = int(np.ceil(FINEST_HZ / sr_hz))
    difference = _normalised_difference(frames, longest, finer)
    periods = _first_dips(difference, shortest * finer) / finer
    periods = periods[np.isfinite(periods)]
    if not len(periods):
        return None
    return sr_hz / float(np.median(periods))


def _mono(wave: ArrayLike | Tensor) -> Float64:
    if isinstance(wave, Tensor):
        wave = wave.detach().cpu().double().numpy()
    samples = np.asarray(wave, dtype=np.float64)
    if samples.ndim != 1:
        raise ValueError(f"expected a waveform (N,), got {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("a sample is not finite")
    return samples


def _loud_frames(samples: Float64, sr_hz: int, longest: int) -> Float64:
    """(n, W + longest) frames within `LOUD_DB` of the loudest one, evenly spaced among them."""
    window = max(int(FRAME_S * sr_hz), longest)
    span = window + longest
    if len(samples) < span:
        return np.zeros((0, span))
    hop = max(1, int(HOP_S * sr_hz))
    frames = np.lib.stride_tricks.sliding_window_view(samples, span)[::hop]
    # From sums of squares: the frames themselves are copied only where they are kept.
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples))])
    starts = np.arange(len(frames)) * hop
    energy = sums[starts + span] - sums[starts]
    if not energy.max() > 0:
        return np.zeros((0, span))
    loud = np.flatnonzero(energy > energy.max() * 10 ** (LOUD_DB / 10))
    kept = loud[np.linspace(0, len(loud) - 1, min(len(loud), MOST_FRAMES)).astype(int)]
    chosen = frames[kept]
    # A constant under the sound has no pitch, and would fill every dip.
    centred: Float64 = chosen - chosen.mean(axis=1, keepdims=True)
    return centred


def _normalised_difference(frames: Float64, longest: int, finer: int) -> Float64:
    """(n, longest · finer + 1): d'(τ) of eq. 8, for lags τ = 0, 1 / finer, ... longest samples."""
    window = frames.shape[1] - longest
    n_lags = longest * finer + 1
    # d(τ) = Σ x² + Σ of the x² that lie τ later - 2 Σ x x(τ later), the last by a transform: zeros above its highest
    # frequency give the values between samples too, without which the dips of high notes are missed.
    size = 1 << (frames.shape[1] - 1).bit_length()
    head = np.fft.rfft(frames[:, :window], size)
    whole = np.fft.rfft(frames, size)
    products = finer * np.fft.irfft(whole * head.conj(), size * finer)[:, :n_lags]
    squares = np.pad(np.cumsum(np.square(frames), axis=1), ((0, 0), (1, 0)))
    energies = squares[:, window : window + longest + 1] - squares[:, : longest + 1]
    # The energies are smooth: between samples a straight line will do.
    lower = np.arange(n_lags) // finer
    upper = np.minimum(lower + 1, longest)
    share = np.arange(n_lags) % finer / finer
    between = energies[:, lower] * (1 - share) + energies[:, upper] * share
    difference = np.maximum(energies[:, :1] + between - 2 * products, 0.0)
    # Divided by its own mean so far, so that lag 0 is no dip and the threshold fits any loudness.
    means = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, n_lags)
    normalised: Float64 = np.ones_like(difference)
    np.divide(difference[:, 1:], means, out=normalised[:, 1:], where=means > 0)
    return normalised


def _first_dips(difference: Float64, shortest: int) -> Float64:
    """(n,) the lag of each frame's first dip under the threshold, between samples; NaN where there is none."""
    inner = difference[:, shortest:-1]
    before = difference[:, shortest - 1 : -2]
    after = difference[:, shortest + 1 :]
    # The bottom of the parabola through a dip and its neighbours: between two lags, and deeper than either.
    dips = (inner <= before) & (inner < after)
    bend = np.where(dips, before - 2 * inner + after, 1.0)
    shift = (before - after) / (2 * bend)
    bottom = np.where(dips, inner - bend * np.square(shift) / 2, np.inf)
    # A strong second harmonic gives a dip at half of the period too, but a shallower one.
    deepest = bottom.min(axis=1, keepdims=True, initial=np.inf)
    deep = bottom < np.minimum(THRESHOLD, np.maximum(deepest, 0.0) + MARGIN)
    rows = np.flatnonzero(deep.any(axis=1))
    places = deep.argmax(axis=1)[rows]
    periods = np.full(len(difference), np.nan)
    periods[rows] = places + shortest + shift[rows, places]
    return periods


def cents_off(heard_hz: float, asked_midi: float) -> float:
    """Cents by which a frequency lies above the pitch of a MIDI number (69 is 440 Hz); below it where negative.

    Parameters
    ----------
    heard_hz : float
        Hz.
    asked_midi : float
        A MIDI number, fractions allowed.

    Returns
    -------
    float
        Cents; 100 are a semitone.

    Raises
    ------
    ValueError
        For a frequency that is not above 0.

    Examples
    --------
    >>> cents_off(880.0, 69)
    1200.0
    """
    if not heard_hz > 0:
        raise ValueError(f"expected a frequency above 0 Hz, got {heard_hz}")
    return float(100 * (midi_of(heard_hz) - asked_midi))


def pitch_figures(
    heard_hz: Iterable[float | None],
    asked_midi: Iterable[float],
    within_cents: float = 50.0,
) -> dict[str, float]:
    """How often the pitch that was asked for is heard.

    Parameters
    ----------
    heard_hz : iterable of float or None
        As `note_f0_hz` gives them.
    asked_midi : iterable of float
        The MIDI number that each note was to have.
    within_cents : float
        What counts as right.

    Returns
    -------
    dict
        - pitch_right: share of all notes that lie within `within_cents`
        - octave_errors: share of all notes that do so one or more whole octaves off
        - no_pitch: share of all notes in which no pitch is heard, which counts as wrong
        - median_cents: median of the absolute deviation where a pitch is heard; NaN where none is

    Raises
    ------
    ValueError
        For two lengths, or no notes.

    Examples
    --------
    >>> pitch_figures([440.0, 881.0, None, 500.0], [69, 69, 69, 69])["octave_errors"]
    0.25
    """
    heard = list(heard_hz)
    asked = list(asked_midi)
    if len(heard) != len(asked) or not heard:
        raise ValueError(
            f"expected as many heard pitches as asked ones, at least 1, got {len(heard)} and {len(asked)}"
        )
    cents = np.array(
        [
            np.nan if hz is None else cents_off(hz, midi)
            for hz, midi in zip(heard, asked, strict=True)
        ]
    )
    # NaN is within nothing, so that notes without a pitch count as wrong.
    octaves = np.round(cents / 1200)
    folded = np.abs(cents - 1200 * octaves)
    right = np.abs(cents) <= within_cents
    known = np.abs(cents[np.isfinite(cents)])
    return {
        "pitch_right": float(right.mean()),
        "octave_errors": float(((folded <= within_cents) & (octaves != 0)).mean()),
        "no_pitch": float(np.isnan(cents).mean()),
        "median_cents": float(np.median(known)) if len(known) else float("nan"),
    }
