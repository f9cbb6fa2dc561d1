"""Chords: `mir_eval.chord`, weighted by duration over many tracks.

The weighted chord symbol recall (WCSR) of a corpus is the time that is right over the time that can be judged, summed
over the tracks: a long track counts more than a short one (Harte, PhD thesis, London 2010, section 8.1.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
COMPARISONS = ("root", "majmin", "thirds", "triads", "sevenths", "mirex")
INVERSIONS = ("majmin_inv", "sevenths_inv")  # the bass counts too
SEGMENTATION = ("overseg", "underseg", "seg")


@dataclass(frozen=True)
class Chords:
    """Chord labels in Harte's syntax, each from a row (begin, end) in s of `intervals`, (M, 2)."""

    intervals: Float64
    labels: Sequence[str]


def chord_seconds(reference: Chords, estimate: Chords) -> dict[str, float]:
    """What one track adds: NAME_right_s and NAME_judged_s for each comparison, the segmentation scores, duration_s.

    The estimate is cut and filled up with N to the reference's time. Raises ValueError for a label that is not a chord.
    """
    import mir_eval.chord

    # Checked first and by name: deeper in mir_eval a bad label raises without saying which.
    for label in {*reference.labels, *estimate.labels}:
        try:
            mir_eval.chord.validate_chord_label(label)
        except mir_eval.chord.InvalidChordException as error:
            raise ValueError(str(error)) from error
    # Both over the reference's time, then cut at every change of either.
    own, labels = _cut_to(reference, estimate)
    durations_s, ref_labels, est_labels = together(reference, estimate)
    begin_s = float(reference.intervals.min())
    end_s = float(reference.intervals.max())
    found: dict[str, float] = {"duration_s": end_s - begin_s}
    # Seconds, not shares: tracks are added up by their length.
    # mir_eval marks with -1 what a comparison cannot judge, such as a sus4 chord among major and minor.
    for name in (*COMPARISONS, *INVERSIONS):
        right = getattr(mir_eval.chord, name)(ref_labels, est_labels)
        found[f"{name}_right_s"] = float(durations_s[right > 0].sum())
        found[f"{name}_judged_s"] = float(durations_s[right >= 0].sum())
    # Segmentation is about changes, so repeated labels are one segment on both sides.
    merged = mir_eval.chord.merge_chord_intervals(own, labels)
    truth = mir_eval.chord.merge_chord_intervals(
        reference.intervals, list(reference.labels)
    )
    return found | {
        name: float(getattr(mir_eval.chord, name)(truth, merged))
        for name in SEGMENTATION
    }


def together(
    reference: Chords, estimate: Chords
) -> tuple[Float64, list[str], list[str]]:
    """Both cut at every change of either: durations (M,) in s, and for each the reference's and the estimate's label.

    The estimate is cut and filled up with N to the reference's time.
    """
    import mir_eval.util

    own, labels = _cut_to(reference, estimate)
    both, ref_labels, est_labels = mir_eval.util.merge_labeled_intervals(
        reference.intervals, list(reference.labels), own, labels
    )
    durations_s = mir_eval.util.intervals_to_durations(both)
    return np.asarray(durations_s, np.float64), list(ref_labels), list(est_labels)


def _cut_to(reference: Chords, estimate: Chords) -> tuple[Float64, list[str]]:
    """Intervals and labels of the estimate, over the reference's time."""
    import mir_eval.chord
    import mir_eval.util

    no_chord = mir_eval.chord.NO_CHORD
    own, labels = mir_eval.util.adjust_intervals(
        estimate.intervals,
        list(estimate.labels),
        float(reference.intervals.min()),
        float(reference.intervals.max()),
        no_chord,
        no_chord,
    )
    return own, list(labels)


def chord_figures(tracks: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """WCSR of each comparison over all tracks, and the segmentation weighted by duration, of `chord_seconds`.

    NaN where nothing can be judged.
    """
    # Tracks of older runs were not judged by their inversions.
    inversions = [
        name
        for name in INVERSIONS
        if all(f"{name}_right_s" in track for track in tracks.values())
    ]
    names = (*COMPARISONS, *inversions)
    total = {
        name: sum(track[name] for track in tracks.values()) for name in _summed(names)
    }
    figures = {
        name: _share(total[f"{name}_right_s"], total[f"{name}_judged_s"])
        for name in names
    }
    # A share of time has no sum over tracks; weighted by duration it counts as the recalls do.
    for name in SEGMENTATION:
        weighted = sum(track[name] * track["duration_s"] for track in tracks.values())
        figures[name] = _share(weighted, total["duration_s"])
    return figures


def _summed(names: Sequence[str]) -> list[str]:
    """What is added up over the tracks."""
    parts = [f"{name}_{what}_s" for name in names for what in ("right", "judged")]
    return ["duration_s", *parts]


def _share(part: float, whole: float) -> float:
    if whole:
        return part / whole
    return float("nan")
