"""The counts equal mir_eval's, for any frames; the adapter is silent and changes nothing."""

from __future__ import annotations

import warnings

import mir_eval.multipitch
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mirbricks.metrics.multi_pitch import (
    Counts,
    count_matches,
    multi_pitch_counts,
    multi_pitch_figures,
    nearest_frames,
    padded_rows,
)

# multiples of a quarter tone often lie on the very border of the tolerance; the others hardly ever
PITCH = st.one_of(st.integers(80, 200).map(lambda n: n / 2), st.floats(40.0, 100.0))
FRAMES = st.lists(st.lists(PITCH, max_size=6), min_size=1, max_size=8)


def hz(frames: list[list[float]]) -> list[NDArray[np.float64]]:
    return [
        440.0 * 2.0 ** ((np.sort(np.array(frame, float)) - 69.0) / 12.0)
        for frame in frames
    ]


def rows(frames: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """As mir_eval turns Hz into MIDI numbers, padded."""
    at = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    return padded_rows(
        at, 69.0 + 12.0 * np.log2(np.concatenate(frames) / 440.0), len(frames)
    )


def theirs(*arguments: object) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(mir_eval.multipitch.evaluate(*arguments))


@given(FRAMES, st.data())
def test_counts_equal_mir_eval(
    reference: list[list[float]], data: st.DataObject
) -> None:
    estimate = data.draw(
        st.lists(
            st.lists(PITCH, max_size=6),
            min_size=len(reference),
            max_size=len(reference),
        )
    )
    ref, est = hz(reference), hz(estimate)
    times = np.arange(len(ref)) * 0.01
    expected = theirs(times, ref, times, est)
    counts = multi_pitch_counts(rows(ref), rows(est))
    assert (counts.accuracy, counts.precision, counts.recall) == pytest.approx(
        (expected["Accuracy"], expected["Precision"], expected["Recall"]), abs=1e-12
    )
    per_frame = mir_eval.multipitch.compute_num_true_positives(
        mir_eval.multipitch.frequencies_to_midi(ref),
        mir_eval.multipitch.frequencies_to_midi(est),
    )
    np.testing.assert_array_equal(count_matches(rows(ref), rows(est)), per_frame)


@given(
    st.lists(st.floats(0.0, 5.0), min_size=2, max_size=20, unique=True),
    st.lists(st.integers(-50, 550).map(lambda n: n / 100), max_size=20),
)
def test_nearest_frames_equal_mir_evals_resampling(
    times: list[float], at: list[float]
) -> None:
    times_s, at_s = np.sort(times), np.array(at)
    values = [np.array([float(i)]) for i in range(len(times_s))]
    resampled = mir_eval.multipitch.resample_multipitch(times_s, values, at_s)
    expected = [int(frame[0]) if len(frame) else -1 for frame in resampled]
    assert nearest_frames(times_s, at_s).tolist() == expected


def test_nearest_frames_of_nothing() -> None:
    assert nearest_frames(np.zeros(0), np.array([0.0, 1.0])).tolist() == [-1, -1]


def test_padded_rows() -> None:
    found = padded_rows(np.array([0, 0, 2]), np.array([1.0, 2.0, 3.0]), 4)
    inf = np.inf
    np.testing.assert_array_equal(
        found, [[1.0, 2.0], [inf, inf], [3.0, inf], [inf, inf]]
    )
    assert padded_rows(np.zeros(0, int), np.zeros(0), 3).shape == (3, 0)


def test_counts_of_silence() -> None:
    nothing = Counts(0, 0, 0)
    assert (nothing.precision, nothing.recall, nothing.accuracy) == (0.0, 0.0, 0.0)
    assert multi_pitch_counts(np.zeros((3, 0)), np.zeros((3, 0))) == nothing


@pytest.mark.parametrize("silent_side", ["none", "reference", "estimate", "both"])
def test_figures_are_mir_evals_without_its_warnings(silent_side: str) -> None:
    rng = np.random.default_rng(0)
    ref_times, est_times = 0.023 + 0.01 * np.arange(60), np.arange(40) * 0.0171
    ref = [np.sort(rng.uniform(60, 2000, rng.integers(5))) for _ in ref_times]
    est = [
        np.concatenate([frame[1:], rng.uniform(60, 2000, 1)])
        for frame in ref[: len(est_times)]
    ]
    if silent_side in ("reference", "both"):
        ref = [np.zeros(0) for _ in ref]
    if silent_side in ("estimate", "both"):
        est = [np.zeros(0) for _ in est]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = multi_pitch_figures(ref_times, ref, est_times, est)
    assert found == theirs(ref_times, ref, est_times, est)
    assert len(found) == 14


def test_figures_leave_out_what_mir_eval_cannot_take() -> None:
    times = np.arange(2) * 0.01
    ref, est = (
        [np.array([10.0, 440.0]), np.array([6000.0])],
        [np.array([440.0]), np.array([5.0, 7000.0])],
    )
    with pytest.raises(ValueError, match="freq"):
        mir_eval.multipitch.evaluate(times, ref, times, est)
    assert multi_pitch_figures(times, ref, times, est)["Accuracy"] == 1.0
