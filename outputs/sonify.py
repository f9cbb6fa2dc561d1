"""Predictions as sound, by mir_eval's own synthesis, so that an ear can judge them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .layers import Curve, Layer, Notes, Segments, Waveform

Samples = NDArray[np.float32]

PEAK = 0.5
FADE_S = 0.01
HARMONICS = (1.0, 0.5, 0.3, 0.15)  # levels: a pure tone's octave is hard to hear


SOUNDING = (Notes, Segments, Curve)  # the first of these kinds is what sounds


def ends_s(layer: Layer) -> float:
    """Where the last of what a layer holds ends, in seconds."""
    if isinstance(layer, Notes):
        return max((note.end_s for note in layer.notes), default=0.0)
    if isinstance(layer, Segments):
        return max((one.end_s for one in layer.segments), default=0.0)
    if isinstance(layer, Curve) and len(layer.times_s):
        return float(layer.times_s[-1])
    if isinstance(layer, Waveform):
        return float(layer.samples.shape[-1] / layer.sr_hz)
    return 0.0


def sonified(layers: Sequence[Layer], duration_s: float, sr_hz: int) -> Samples:
    """The first layer that has a sound: notes, else chords, else a curve of pitches.

    Parameters
    ----------
    layers : sequence of Layer
        What was predicted.
    duration_s : float
        How long the sound is.
    sr_hz : int
        Its sample rate.

    Returns
    -------
    array of float32, (N,)
        Samples within -.5 … .5.
    """
    n_samples = max(1, round(duration_s * sr_hz))
    for kind in SOUNDING:
        for layer in layers:
            if isinstance(layer, kind):
                return _levelled(_sound(layer, n_samples, sr_hz))
    return np.zeros(n_samples, np.float32)


def beside(audio: NDArray[np.float32], heard: Samples) -> Samples:
    """Two channels: the recording on the left, the prediction on the right."""
    mono = audio if audio.ndim == 1 else audio.mean(axis=0)
    size = max(len(mono), len(heard))
    both = np.zeros((2, size), np.float32)
    both[0, : len(mono)] = mono
    both[1, : len(heard)] = heard
    return both


def _sound(layer: Layer, n_samples: int, sr_hz: int) -> NDArray[np.float64]:
    if isinstance(layer, Notes):
        return _tones(layer, n_samples, sr_hz)
    if isinstance(layer, Segments):
        return _chords(layer, n_samples, sr_hz)
    assert isinstance(layer, Curve)  # `sonified` asks for these three
    return _curve(layer, n_samples, sr_hz)


def _chords(layer: Segments, n_samples: int, sr_hz: int) -> NDArray[np.float64]:
    """The tones of each chord; silence where there is none."""
    duration_s = n_samples / sr_hz
    spans = []
    labels = []
    for one in layer.segments:
        if one.start_s < duration_s:
            spans.append([one.start_s, min(one.end_s, duration_s)])
            labels.append(one.label)
    if not spans:
        return np.zeros(n_samples)
    # mir_eval 0.8 fails on a single interval from the beginning to the end; two halves sound the same.
    if len(spans) == 1:
        [[start_s, end_s]] = spans
        middle_s = (start_s + end_s) / 2
        spans = [[start_s, middle_s], [middle_s, end_s]]
        labels *= 2
    import mir_eval.sonify  # only what sounds needs it

    chords = mir_eval.sonify.chords(labels, np.array(spans), sr_hz, length=n_samples)
    return np.asarray(chords, np.float64)


def _tones(layer: Notes, n_samples: int, sr_hz: int) -> NDArray[np.float64]:
    """A tone of a few harmonics for each note, as loud as the model is sure."""
    sound = np.zeros(n_samples)
    for note in layer.notes:
        first = round(note.onset_s * sr_hz)
        last = min(n_samples, max(first + 1, round(note.end_s * sr_hz)))
        if first >= last:
            continue
        time_s = np.arange(last - first) / sr_hz
        tone = np.zeros(last - first)
        for number, level in enumerate(HARMONICS, 1):
            # Above half the rate a harmonic would come back as another pitch.
            if number * note.hz < sr_hz / 2:
                tone += level * np.sin(2 * np.pi * number * note.hz * time_s)
        # Without fades every note would begin and end with a click.
        edge = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) / FADE_S)
        sound[first:last] += note.confidence * edge * tone
    return sound


def _curve(layer: Curve, n_samples: int, sr_hz: int) -> NDArray[np.float64]:
    """The frequencies of each frame, rank by rank: mir_eval sounds one contour at a time."""
    import mir_eval.sonify  # only what sounds needs it

    sound = np.zeros(n_samples)
    most = max((len(frame) for frame in layer.hz), default=0)
    if len(layer.times_s) < 2:
        return sound
    for rank in range(most):
        hz = [frame[rank] if rank < len(frame) else 0.0 for frame in layer.hz]
        sound += mir_eval.sonify.pitch_contour(
            layer.times_s, np.array(hz), sr_hz, length=n_samples
        )
    return sound


def _levelled(sound: NDArray[np.float64]) -> Samples:
    peak = float(np.abs(sound).max(initial=0.0))
    if peak == 0.0:
        return sound.astype(np.float32)
    return (PEAK * sound / peak).astype(np.float32)
