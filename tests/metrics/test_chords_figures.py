"""Chords over tracks: mir_eval's scores of one track, weighted by time over several."""

from __future__ import annotations

import warnings

import mir_eval.chord
import numpy as np
import pytest

from mirbricks.metrics.chords import (
    COMPARISONS,
    INVERSIONS,
    SEGMENTATION,
    Chords,
    chord_figures,
    chord_seconds,
)

REFERENCE = Chords(
    np.array([[0.0, 1.0], [1.0, 3.0], [3.0, 6.0], [6.0, 6.5]]),
    ["N", "C:maj", "A:min7", "X"],
)
ESTIMATE = Chords(
    np.array([[0.2, 1.5], [1.5, 4.0], [4.0, 6.2]]), ["N", "C:maj", "A:min"]
)


def test_one_track_equals_mir_eval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = mir_eval.chord.evaluate(
            REFERENCE.intervals,
            REFERENCE.labels,
            ESTIMATE.intervals,
            list(ESTIMATE.labels),
        )
    figures = chord_figures({"a": chord_seconds(REFERENCE, ESTIMATE)})
    for name in (*COMPARISONS, *INVERSIONS, *SEGMENTATION):
        assert figures[name] == pytest.approx(float(wanted[name]), abs=1e-9), name


def test_a_long_track_counts_more() -> None:
    long = Chords(np.array([[0.0, 90.0]]), ["C:maj"])
    short = Chords(np.array([[0.0, 10.0]]), ["C:maj"])
    wrong = Chords(np.array([[0.0, 10.0]]), ["F:maj"])
    tracks = {"long": chord_seconds(long, long), "short": chord_seconds(short, wrong)}
    assert chord_figures(tracks)["majmin"] == pytest.approx(0.9)
    assert chord_figures(tracks)["root"] == pytest.approx(0.9)


def test_what_cannot_be_judged_is_left_out() -> None:
    track = chord_seconds(
        Chords(np.array([[0.0, 1.0], [1.0, 4.0]]), ["C:maj", "X"]),
        Chords(np.array([[0.0, 4.0]]), ["C:maj"]),
    )
    assert track["majmin_judged_s"] == pytest.approx(1.0)
    assert chord_figures({"a": track})["majmin"] == 1.0
    nothing = chord_seconds(
        Chords(np.array([[0.0, 1.0]]), ["X"]), Chords(np.array([[0.0, 1.0]]), ["C:maj"])
    )
    assert np.isnan(chord_figures({"a": nothing})["majmin"])


def test_a_short_estimate_is_filled_up_with_no_chord() -> None:
    track = chord_seconds(
        Chords(np.array([[0.0, 2.0], [2.0, 4.0]]), ["C:maj", "N"]),
        Chords(np.array([[0.0, 1.0]]), ["C:maj"]),
    )
    assert track["majmin_right_s"] == pytest.approx(3.0)
    assert track["duration_s"] == pytest.approx(4.0)


def test_a_label_that_is_no_chord() -> None:
    with pytest.raises(ValueError, match="H:maj"):
        chord_seconds(REFERENCE, Chords(np.array([[0.0, 6.5]]), ["H:maj"]))


def test_the_bass_counts_among_inversions_only() -> None:
    truth = Chords(np.array([[2.0, 3.0], [3.0, 6.0]]), ["C:maj/3", "A:min"])
    found = Chords(np.array([[2.0, 3.0], [3.0, 6.0]]), ["C:maj", "A:min"])
    figures = chord_figures({"a": chord_seconds(truth, found)})
    assert figures["majmin"] == 1.0
    assert figures["majmin_inv"] == figures["sevenths_inv"] == pytest.approx(0.75)


def test_a_reference_that_begins_later() -> None:
    track = chord_seconds(
        Chords(np.array([[2.0, 5.0]]), ["C:maj"]),
        Chords(np.array([[0.0, 4.0]]), ["C:maj"]),
    )
    assert track["duration_s"] == pytest.approx(3.0)
    assert track["majmin_right_s"] == pytest.approx(2.0)


def test_tracks_of_before_there_were_inversions() -> None:
    track = chord_seconds(REFERENCE, ESTIMATE)
    older = {name: value for name, value in track.items() if "_inv" not in name}
    figures = chord_figures({"new": track, "old": older})
    assert not set(INVERSIONS) & set(figures)
    assert figures["majmin"] == chord_figures({"a": track})["majmin"]
