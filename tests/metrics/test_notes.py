"""Notes against mir_eval, and their intervals and pitches against numbers written out."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.metrics.notes import (
    intervals,
    note_figures,
    notes_found,
    velocity_figures,
)

HZ = {
    21: 27.5,
    45: 110.0,
    57: 220.0,
    60: 261.6255653,
    69: 440.0,
    81: 880.0,
    108: 4186.009045,
}


def test_pitches_in_hz() -> None:
    _, pitch_hz = intervals([0.0] * len(HZ), [1.0] * len(HZ), list(HZ))
    np.testing.assert_allclose(pitch_hz, list(HZ.values()), rtol=1e-9)
    _, between = intervals([0.0], [1.0], [69.5])
    assert between[0] == pytest.approx(452.8929841)


def test_notes_without_a_length_are_left_out() -> None:
    spans, pitch_hz = intervals(
        [0.0, 1.0, 2.0, 3.5], [0.5, 0.0, -1.0, 0.001], [69, 70, 71, 57]
    )
    np.testing.assert_allclose(spans, [[0.0, 0.5], [3.5, 3.501]])
    np.testing.assert_allclose(pitch_hz, [440.0, 220.0])


def test_no_notes() -> None:
    spans, pitch_hz = intervals([], [], [])
    assert (spans.shape, pitch_hz.shape) == ((0, 2), (0,))


def test_tracks_without_notes() -> None:
    one = intervals([0.0], [1.0], [69])
    none = intervals([], [], [])
    assert note_figures(one, none) == dict.fromkeys(
        (
            "note_precision",
            "note_recall",
            "note_f1",
            "note_f1_offsets",
            "note_onset_f1",
            "note_offset_f1",
        ),
        0.0,
    )
    # Nothing can be judged without a reference, whatever was found.
    assert note_figures(none, one) == note_figures(none, none) == {}


def test_the_tolerances() -> None:
    """Onsets within 50 ms, pitches within 50 cents, offsets within 20 % of the note."""
    truth = intervals([1.0, 3.0], [1.0, 1.0], [60, 72])
    for onset_s, midi, right in (
        (0.04, 0.0, 1.0), (0.06, 0.0, 0.0), (0.0, 0.45, 1.0), (0.0, 0.55, 0.0), (-0.04, -0.45, 1.0),
    ):  # fmt: skip
        found = intervals(
            [1.0 + onset_s, 3.0 + onset_s], [1.0, 1.0], [60 + midi, 72 + midi]
        )
        assert note_figures(truth, found)["note_f1"] == right
    longer = note_figures(truth, intervals([1.0, 3.0], [1.15, 1.25], [60, 72]))
    assert longer["note_f1"] == 1.0
    assert longer["note_f1_offsets"] == 0.5


@given(seed=st.integers(0, 10**6), n=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_figures_are_those_of_mir_eval(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    begin_s = np.sort(rng.uniform(0, n / 2, n))
    lengths_s = rng.uniform(0.1, 1.0, n)
    midi = rng.integers(40, 80, n)
    moved_s = np.maximum(begin_s + rng.normal(0, 0.04, n), 0)
    longer_s = lengths_s * rng.uniform(0.7, 1.3, n)
    # mir_eval reads what is computed here, in another way than `intervals`.
    hz = np.array([27.5 * 2 ** ((key - 21) / 12) for key in midi])
    expected = mir_eval.transcription.evaluate(
        np.c_[begin_s, begin_s + lengths_s], hz, np.c_[moved_s, moved_s + longer_s], hz
    )
    found = note_figures(
        intervals(begin_s, lengths_s, midi), intervals(moved_s, longer_s, midi)
    )
    assert found["note_precision"] == pytest.approx(expected["Precision_no_offset"])
    assert found["note_recall"] == pytest.approx(expected["Recall_no_offset"])
    assert found["note_f1"] == pytest.approx(expected["F-measure_no_offset"])
    assert found["note_f1_offsets"] == pytest.approx(expected["F-measure"])
    assert found["note_onset_f1"] == pytest.approx(expected["Onset_F-measure"])
    assert found["note_offset_f1"] == pytest.approx(expected["Offset_F-measure"])


def test_a_wrong_pitch_still_has_its_beginning_and_its_end() -> None:
    truth = intervals([1.0, 3.0], [1.0, 1.0], [60, 72])
    found = note_figures(truth, intervals([1.0, 3.0], [1.0, 0.5], [61, 74]))
    assert (found["note_f1"], found["note_onset_f1"]) == (0.0, 1.0)
    assert found["note_offset_f1"] == 0.5


def test_notes_that_are_right() -> None:
    truth = intervals([1.0, 3.0], [1.0, 1.0], [60, 72])
    found = intervals([1.02, 1.03, 3.0, 3.2], [1.0] * 4, [60, 60, 72, 72])
    # Of two estimates of one note only one is right.
    right = notes_found(truth, found)
    assert right[:2].sum() == 1
    assert right[2:].tolist() == [True, False]
    none = intervals([], [], [])
    assert notes_found(truth, none).shape == (0,)
    assert not notes_found(none, found).any()


def test_velocities_count_on_any_scale() -> None:
    truth = intervals([1.0, 2.0, 3.0, 4.0], [0.5] * 4, [60, 64, 67, 72])
    velocities = np.array([20.0, 60.0, 90.0, 120.0])
    right = velocity_figures(truth, velocities, truth, 0.2 + velocities / 300)
    assert right == {"note_f1_velocity": 1.0, "note_f1_offsets_velocity": 1.0}
    below_zero = velocity_figures(truth, velocities, truth, velocities - 130.0)
    assert below_zero == right
    wrong = velocity_figures(truth, velocities, truth, np.array([0.9, 0.2, 0.8, 0.1]))
    assert wrong["note_f1_velocity"] < 1.0
    none = intervals([], [], [])
    silent = velocity_figures(truth, velocities, none, np.zeros(0))
    assert set(silent.values()) == {0.0}
    assert velocity_figures(none, np.zeros(0), truth, velocities) == {}
