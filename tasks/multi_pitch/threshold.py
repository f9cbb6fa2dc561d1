"""The threshold of salience that gives the best Accuracy on some tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...features.hcqt import HCQTFeatureConfig
from ...metrics.multi_pitch import (
    Counts,
    multi_pitch_counts,
    nearest_frames,
    padded_rows,
)
from .annotation import Pitches
from .peaks import Peaks

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """A track's truth and its peaks at the truth's times: rows (T, ·) of MIDI numbers filled with inf, and heights."""

    truth: Float64
    peaks: Float64
    heights: Float64

    @classmethod
    def of(cls, truth: Pitches, peaks: Peaks, feature: HCQTFeatureConfig) -> Trial:
        n_times = len(peaks.times_s)
        midi = padded_rows(peaks.frames, peaks.midi(feature), n_times)
        heights = padded_rows(peaks.frames, peaks.heights, n_times)
        at = nearest_frames(peaks.times_s, truth.times_s)
        # Outside the estimate's times (-1) no pitch is found, as mir_eval resamples.
        rows = np.where((at >= 0)[:, None], midi[at], np.inf)
        return cls(
            padded_rows(truth.frames, truth.midi, len(truth.times_s)), rows, heights[at]
        )

    def counts(self, threshold: float) -> Counts:
        # inf stands for no pitch and sorts last, so
        # that rows stay padded at their ends.
        kept = np.sort(np.where(self.heights >= threshold, self.peaks, np.inf), axis=1)
        return multi_pitch_counts(self.truth, kept)


def best_threshold(
    trials: Sequence[Trial], thresholds: Sequence[float]
) -> tuple[float, dict[str, float]]:
    """The threshold with the highest mean Accuracy, the lowest of equals, and the mean figures at it."""
    figures = {
        threshold: _means([trial.counts(threshold) for trial in trials])
        for threshold in thresholds
    }
    # `max` takes the first of equals, and the thresholds ascend: the lowest wins.
    best = max(thresholds, key=lambda threshold: figures[threshold]["Accuracy"])
    return best, figures[best]


def _means(counts: Sequence[Counts]) -> dict[str, float]:
    return {
        name: float(np.mean([getattr(count, name.lower()) for count in counts]))
        for name in ("Accuracy", "Precision", "Recall")
    }
