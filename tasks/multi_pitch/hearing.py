"""From probabilities to the pitches that may be heard: a key that was struck needs less salience until it is let go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...features.hcqt import HCQTFeatureConfig
from .config import MultiPitchConfig
from .notes import HOLD, find_onsets, tuning_of
from .peaks import Peaks, find_peaks

Float64 = NDArray[np.float64]
SETTLING_FRAMES = 3  # after an onset, in which salience still rises


@dataclass(frozen=True)
class Heard:
    """The peaks of salience, the same with the heights from which on they are heard, and where notes begin."""

    peaks: Peaks
    pitches: Peaks
    onsets: Peaks | None = None


def hear(
    probabilities: Tensor,
    config: MultiPitchConfig,
    feature: HCQTFeatureConfig,
    least: float,
) -> Heard:
    """Probabilities (C, F, T): salience, and with `config.onsets` where notes begin; peaks of at least `least`."""
    distance = config.min_distance_bins
    upsampling = config.time_upsampling
    peaks = find_peaks(
        probabilities[0],
        feature.hop_s,
        least=least,
        min_distance_bins=distance,
        upsampling=upsampling,
    ).at_most(config.max_polyphony)
    if not config.onsets:
        return Heard(peaks, peaks)
    onsets = find_onsets(probabilities[1], config, feature.hop_s)
    return Heard(
        peaks, sustained(peaks, onsets, feature, SETTLING_FRAMES * upsampling), onsets
    )


def sustained(
    peaks: Peaks, onsets: Peaks, feature: HCQTFeatureConfig, settling: int
) -> Peaks:
    """The same peaks with the height from which on each of them is heard, be the threshold what it may.

    A pitch of height h is heard at a threshold θ if h ≥ θ, or if its key was struck and m ≥ HOLD · θ, where m is the
    least height of the key from its last onset to the pitch, 0 where the key has no peak. So it is if
    max(h, m / HOLD) ≥ θ. Of the first `settling` times after an onset, in which salience still rises, each counts by
    itself.
    """
    midi = peaks.midi(feature)
    # Pitches and onsets go by one tuning: by two, a note
    # half way between two keys would miss its own onset.
    tuning = tuning_of(midi, peaks.heights)
    key = np.rint(midi - tuning)
    struck = np.rint(onsets.midi(feature) - tuning)
    heights = peaks.heights.copy()
    for one in np.unique(struck):
        rows = np.flatnonzero(key == one)
        # The height of the key at every time; 0, where it
        # has no peak, is where it is let go.
        own = np.zeros(len(peaks.times_s))
        np.maximum.at(own, peaks.frames[rows], heights[rows])
        least = _least_since(own, np.unique(onsets.frames[struck == one]), settling)[
            peaks.frames[rows]
        ]
        # max(h, m / HOLD), where m includes the pitch itself: of
        # two peaks in one key it may be the lower one.
        heights[rows] = np.maximum(
            heights[rows], np.minimum(heights[rows], least) / HOLD
        )
    return replace(peaks, heights=heights)


def _least_since(heights: Float64, onsets: NDArray[np.int64], settling: int) -> Float64:
    """For each time the least of `heights` since the last onset, those in `settling` left out; 0 before the first."""
    least = np.zeros_like(heights)
    for start, stop in pairwise([*onsets.tolist(), len(heights)]):
        settled = min(start + settling, stop)
        least[start:settled] = heights[start:settled]
        least[settled:stop] = np.minimum.accumulate(heights[settled:stop])
    return least
