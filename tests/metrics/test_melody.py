"""Figures of one voice against mir_eval and against counts by hand."""

from __future__ import annotations

import warnings

import mir_eval.melody
import numpy as np
import pytest

from mirbricks.metrics.melody import (
    TrueNote,
    frames_right,
    melody_figures,
    nearest,
    notes_right,
)

TIMES = np.arange(200) / 100


def drawn(rng: np.random.Generator, share: float) -> np.ndarray:
    """Pitches of which some are silent, and some of these have a frequency with a minus."""
    hz = 440.0 * 2.0 ** (rng.integers(-24, 24, len(TIMES)) / 12)
    sign = np.where(rng.random(len(TIMES)) < share, 1.0, rng.choice([0.0, -1.0]))
    return hz * sign


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_mir_eval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.maximum(drawn(rng, 0.8), 0.0)
    cents = rng.normal(0, 40, len(TIMES)) + rng.choice(
        [0, 1200], len(TIMES), p=[0.9, 0.1]
    )
    estimate = np.where(truth > 0, truth, 300.0) * 2.0 ** (cents / 1200)
    estimate *= np.where(rng.random(len(TIMES)) < 0.85, 1.0, -1.0)
    shifted = TIMES + 0.003
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = mir_eval.melody.evaluate(TIMES, truth, shifted, estimate)
    assert melody_figures(TIMES, truth, shifted, estimate) == pytest.approx(wanted)


def test_shares_of_nothing_are_left_out() -> None:
    sounding, silent = np.full(200, 440.0), np.zeros(200)
    assert "Voicing False Alarm" not in melody_figures(TIMES, sounding, TIMES, sounding)
    found = melody_figures(TIMES, silent, TIMES, -sounding)
    assert found == {"Voicing False Alarm": 0.0, "Overall Accuracy": 1.0}


@pytest.mark.parametrize("seed", range(4))
def test_frames_right_are_counted_whatever_the_voicing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.maximum(drawn(rng, 0.7), 0.0)
    estimate = drawn(rng, 0.5)
    right = 0
    for true_hz, hz in zip(truth, np.abs(estimate), strict=True):
        if true_hz > 0 and hz > 0:
            right += abs(1200 * np.log2(hz / true_hz)) <= 50
    assert frames_right(TIMES, truth, TIMES, estimate) == (right, (truth > 0).sum())


def test_a_note_is_right_by_its_median() -> None:
    truth = np.full(200, 440.0)
    truth[:20] = 0.0
    notes = [
        TrueNote(0.0, 0.99, 69.0),
        TrueNote(1.0, 1.99, 69.0),
        TrueNote(3.0, 4.0, 60.0),
    ]
    # Most of the first note is a little sharp, most of the second an octave too high.
    estimate = np.full(200, 440.0 * 2 ** (40 / 1200))
    estimate[:20] = 5000.0
    estimate[100:160] = -880.0
    assert notes_right(notes, TIMES, truth, TIMES, estimate) == (1, 2)


def test_the_nearest_time() -> None:
    at = np.array([-1.0, 0.0, 0.1, 0.5, 0.6, 9.0])
    assert nearest(np.array([0.0, 1.0, 2.0]), at).tolist() == [0, 0, 0, 0, 1, 2]


def test_times_of_a_note_that_are_not_voiced_do_not_count() -> None:
    times_s = np.arange(5) * 0.1
    truth = np.array([440.0, 440.0, 0.0, 0.0, 0.0])
    estimate = np.array([440.0, 440.0, 100.0, 100.0, 100.0])
    note = [(0.0, 0.4, 69.0)]
    assert notes_right(note, times_s, truth, times_s, estimate) == (1, 1)
    # A note that is not voiced at all is not judged.
    assert notes_right(note, times_s, 0 * truth, times_s, estimate) == (0, 0)
