"""Notes out of the peaks of salience."""

from __future__ import annotations

import math

import numpy as np

from ...features.hcqt import HCQTConfig
from .prediction import Note, Peaks

HOLD = 0.5  # of the threshold: a note that has begun lasts down to it
GAP_S = 0.04  # a shorter gap does not end a note


def find_notes(peaks: Peaks, feature: HCQTConfig, *, threshold: float, min_note_s: float) -> tuple[Note, ...]:
    """Notes by hysteresis: stretches of one semitone at `HOLD` · threshold or more that reach the threshold.

    `peaks` holds all peaks from `HOLD` · threshold on. The grid of semitones follows the recording's own tuning, so
    that a choir half way between two keys does not jump between them. Stretches shorter than `min_note_s` are left
    out.
    """
    if not len(peaks.frames):
        return ()
    midi = 69.0 + 12.0 * np.log2(peaks.hz(feature) / 440.0)
    tuning = np.angle(np.sum(peaks.heights * np.exp(2j * np.pi * midi))) / (2.0 * np.pi)
    key = np.rint(midi - tuning)
    order = np.lexsort((peaks.frames, key))
    key, frames, midi, heights = key[order], peaks.frames[order], midi[order], peaks.heights[order]
    step_s = float(peaks.times_s[1]) if len(peaks.times_s) > 1 else feature.hop_s
    gap = math.floor(GAP_S / step_s) + 1
    first = np.flatnonzero(np.r_[True, (np.diff(key) != 0) | (np.diff(frames) > gap)])
    last = np.r_[first[1:], len(frames)] - 1
    total = np.add.reduceat(heights, first)
    salience = total / (last - first + 1)
    mean_midi = np.add.reduceat(heights * midi, first) / total
    onsets_s, durations_s = frames[first] * step_s, (frames[last] - frames[first] + 1) * step_s
    kept = (np.maximum.reduceat(heights, first) >= threshold) & (durations_s >= min_note_s)
    columns = (onsets_s, durations_s, mean_midi, salience)
    return tuple(sorted((Note(*row) for row in zip(*(c[kept].tolist() for c in columns), strict=True)), key=_by_onset))


def _by_onset(note: Note) -> tuple[float, float]:
    return note.onset_s, note.midi
