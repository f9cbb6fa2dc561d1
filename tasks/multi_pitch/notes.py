"""Notes out of the peaks of salience."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...features.hcqt import HCQTFeatureConfig
from .config import MultiPitchConfig
from .peaks import Peaks, find_peaks
from .prediction import Note

Float64 = NDArray[np.float64]

HOLD = 0.5  # of the threshold: a note that has begun lasts down to it
GAP_S = 0.04  # a shorter gap does not end a note


def find_notes(
    peaks: Peaks,
    feature: HCQTFeatureConfig,
    *,
    threshold: float,
    min_note_s: float,
    onsets: Peaks | None = None,
    onset_delay_s: float = 0.0,
) -> tuple[Note, ...]:
    """Notes by hysteresis: stretches of one semitone at `HOLD` · threshold or more that reach the threshold.

    `peaks` holds all peaks from `HOLD` · threshold on. The grid of semitones follows the recording's own tuning, so
    that a choir half way between two keys does not jump between them. Stretches shorter than `min_note_s` are left
    out. With `onsets`, of `find_onsets`, a note begins at each of them and nowhere else, so that a key struck again is
    another note: Hawthorne et al., "Onsets and Frames", ISMIR 2018, section 3. `onset_delay_s` is how much later than
    the key was struck an onset's peak comes on average.
    """
    if not len(peaks.frames):
        return ()

    # Peaks in the order of their keys, and within a key in that of their times: a note is a stretch of them.
    midi = peaks.midi(feature)
    tuning = tuning_of(midi, peaks.heights)
    key = np.rint(midi - tuning)
    order = np.lexsort((peaks.frames, key))
    key = key[order]
    frames = peaks.frames[order]
    midi = midi[order]
    heights = peaks.heights[order]

    # A new key begins a stretch, and so does a gap in time.
    step_s = feature.hop_s
    if len(peaks.times_s) > 1:
        step_s = float(peaks.times_s[1])
    gap = math.floor(GAP_S / step_s) + 1
    begins = np.r_[True, (np.diff(key) != 0) | (np.diff(frames) > gap)]
    struck = None
    if onsets is not None:
        struck = _struck(key, frames, onsets, feature, tuning, gap)
        begins = begins | struck
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(frames)] - 1

    # Of each stretch the mean height, and the mean pitch weighed by the heights.
    total = np.add.reduceat(heights, first)
    salience = total / (last - first + 1)
    mean_midi = np.add.reduceat(heights * midi, first) / total
    onsets_s = np.maximum(frames[first] * step_s - onset_delay_s, 0.0)
    durations_s = (frames[last] + 1) * step_s - onsets_s

    # Hysteresis: without onsets a stretch that never reaches the threshold is not a note.
    if struck is None:
        begun = np.maximum.reduceat(heights, first) >= threshold
    else:
        begun = struck[first]
    kept = begun & (durations_s >= min_note_s)
    columns = [onsets_s[kept], durations_s[kept], mean_midi[kept], salience[kept]]
    notes = [Note(*row) for row in np.stack(columns, axis=1).tolist()]
    return tuple(sorted(notes, key=_by_onset))


def tuning_of(midi: Float64, weights: Float64) -> float:
    """How far the pitches of a recording lie above the nearest keys: a mean on the circle, -0.5 to 0.5 semitones."""
    return float(np.angle(np.sum(weights * np.exp(2j * np.pi * midi))) / (2.0 * np.pi))


def find_onsets(probability: Tensor, config: MultiPitchConfig, hop_s: float) -> Peaks:
    """Peaks of probabilities of onsets (F, T), the highest within 1.5 frames of their pitch, on the grid of pitches."""
    found = find_peaks(
        probability,
        hop_s,
        least=config.onset_threshold,
        min_distance_bins=config.min_distance_bins,
        upsampling=config.time_upsampling,
    )
    # The highest come first: what is near to a higher one in time and in pitch is a slope of the same onset. So it is
    # if the higher one is itself a slope, else a broad onset would begin a second note at its foot.
    near = 3 * config.time_upsampling // 2
    reach = config.min_distance_bins
    kept: list[int] = []
    taken: dict[int, list[int]] = {}
    for row in np.argsort(-found.heights, kind="stable").tolist():
        bin_ = round(float(found.bins[row]))
        frame = int(found.frames[row])
        around = [
            other
            for one in range(bin_ - reach, bin_ + reach + 1)
            for other in taken.get(one, ())
        ]
        if all(abs(frame - other) > near for other in around):
            kept.append(row)
        taken.setdefault(bin_, []).append(frame)

    rows = np.sort(np.array(kept, np.int64))
    return Peaks(
        found.times_s, found.frames[rows], found.bins[rows], found.heights[rows]
    )


def _struck(
    key: Float64,
    frames: NDArray[np.int64],
    onsets: Peaks,
    feature: HCQTFeatureConfig,
    tuning: float,
    gap: int,
) -> NDArray[np.bool_]:
    """Which peaks, sorted by key and frame, are the first of a note: at an onset of their key, or just after it."""
    onset_key = np.rint(onsets.midi(feature) - tuning)
    struck = np.zeros(len(frames), bool)
    for one in np.unique(onset_key):
        # The peaks of this key, and for each onset the first of them that is not before it.
        low, high = np.searchsorted(key, (one, one + 1))
        at = onsets.frames[onset_key == one]
        place = low + np.searchsorted(frames[low:high], at)
        heard = place < high
        heard[heard] &= frames[place[heard]] - at[heard] <= max(gap, 1)
        struck[place[heard]] = True
    return struck


def _by_onset(note: Note) -> tuple[float, float]:
    return note.onset_s, note.midi
