"""Multi-pitch: mir_eval, and its counts for many frames at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

WINDOW_SEMITONES = 0.5
# mir_eval.multipitch.MIN_FREQ and MAX_FREQ
LOWEST_HZ = 20.0
HIGHEST_HZ = 5000.0


def multi_pitch_figures(
    ref_times_s: Float64,
    ref_hz: Sequence[Float64],
    est_times_s: Float64,
    est_hz: Sequence[Float64],
) -> dict[str, float]:
    """The fourteen figures of `mir_eval.multipitch.evaluate` at the reference's times; no warnings.

    An estimate holds for the times nearest to its own. Pitches outside the 20 Hz … 5 kHz that mir_eval takes are left
    out on both sides. Source: Bay et al., "Evaluation of multiple-F0 estimation and tracking systems", ISMIR 2009.
    """
    # Imported here: it takes a second, which `mirbricks check` need not wait for.
    import mir_eval.multipitch

    with warnings.catch_warnings():
        # mir_eval warns that it resamples, and that a side is empty: both are meant.
        warnings.simplefilter("ignore")
        figures = mir_eval.multipitch.evaluate(
            ref_times_s, _audible(ref_hz), est_times_s, _audible(est_hz)
        )
    return {name: float(value) for name, value in figures.items()}


def _audible(frames: Sequence[Float64]) -> list[Float64]:
    return [hz[(hz >= LOWEST_HZ) & (hz <= HIGHEST_HZ)] for hz in frames]


@dataclass(frozen=True)
class Counts:
    """Pitches of a track, summed over its frames: matched, in the reference, in the estimate."""

    matched: int
    reference: int
    estimated: int

    @property
    def precision(self) -> float:
        if self.estimated:
            return self.matched / self.estimated
        return 0.0

    @property
    def recall(self) -> float:
        if self.reference:
            return self.matched / self.reference
        return 0.0

    @property
    def accuracy(self) -> float:
        """Matched / (matched + missed + too many)."""
        either = self.reference + self.estimated - self.matched
        if either:
            return self.matched / either
        return 0.0


def multi_pitch_counts(ref_midi: Float64, est_midi: Float64) -> Counts:
    """What mir_eval counts. Rows (T, R) and (T, E) of MIDI numbers, sorted, filled up with inf: `padded_rows`."""
    matched = int(count_matches(ref_midi, est_midi).sum())
    reference = int(np.isfinite(ref_midi).sum())
    estimated = int(np.isfinite(est_midi).sum())
    return Counts(matched, reference, estimated)


def count_matches(
    reference: Float64, estimate: Float64, window: float = WINDOW_SEMITONES
) -> NDArray[np.int64]:
    """Size (T,) of the largest one-to-one matching within `window` in each of T rows, sorted and filled up with inf.

    All values have the same tolerance, so pairing the lowest values that fit is never worse than any other matching:
    one walk along both sorted rows finds it, here for all rows at once.
    """
    n_rows = len(reference)
    every = np.arange(n_rows)
    # A column of inf ends every row, so that an index past the last value still reads one.
    end = np.full((n_rows, 1), np.inf)
    reference = np.hstack([reference, end])
    estimate = np.hstack([estimate, end])
    # Where the walk stands in each row.
    at_ref, at_est, matched = (np.zeros(n_rows, np.int64) for _ in range(3))
    # Each step passes a value of at least one side in every row, so after as many steps all are passed.
    for _ in range(reference.shape[1] + estimate.shape[1] - 2):
        ref = reference[every, at_ref]
        est = estimate[every, at_est]
        left = np.isfinite(ref) & np.isfinite(est)
        # A value that is too low for its partner cannot fit any later one, so the walk passes it.
        too_low = left & (ref < est - window)
        too_high = left & (ref > est + window)
        hit = left & ~too_low & ~too_high
        at_ref += too_low | hit
        at_est += too_high | hit
        matched += hit
    return matched


def nearest_frames(times_s: Float64, at_s: Float64) -> NDArray[np.int64]:
    """Index into the sorted `times_s` of the one nearest to each of `at_s`, -1 before the first and after the last.

    The rule of `mir_eval.multipitch.resample_multipitch`: halfway between two times the earlier one holds.
    """
    if not len(times_s):
        return np.full(len(at_s), -1)
    # As scipy's interp1d, which mir_eval uses, rounds: halving first cannot differ in the last bit.
    halves = times_s / 2.0
    nearest = np.searchsorted(halves[1:] + halves[:-1], at_s, side="left")
    return np.where((at_s >= times_s[0]) & (at_s <= times_s[-1]), nearest, -1)


def padded_rows(frames: NDArray[np.int64], values: Float64, n_frames: int) -> Float64:
    """Values with the frame of each, frames ascending -> rows (n_frames, most values of a frame), filled with inf."""
    counts = np.bincount(frames, minlength=n_frames)
    # The number of a value within its frame is its index less that of the frame's first value.
    places = np.arange(len(frames)) - (np.cumsum(counts) - counts)[frames]
    rows = np.full((n_frames, int(counts.max(initial=0))), np.inf)
    rows[frames, places] = values
    return rows
