"""Calibration: its error by hand and by loops, and a curve that brings it down."""

from __future__ import annotations

import numpy as np
import pytest

from mirbricks.metrics.calibration import (
    calibrated,
    calibration_error,
    fit_confidence,
    reliability,
)


def test_the_error_by_hand() -> None:
    # Two answers of confidence .95 of which one is right: .45 apart; two of .25 of which none is: .25 apart.
    rows = reliability([0.95, 0.95, 0.25, 0.25], [1, 0, 0, 0])
    assert calibration_error(rows) == pytest.approx((2 * 0.45 + 2 * 0.25) / 4)
    assert calibration_error(reliability([], [])) is None
    assert calibration_error(reliability([1.0, 0.0], [1, 0])) == 0.0


def test_the_error_by_loops_over_the_bins() -> None:
    rng = np.random.default_rng(0)
    sure = rng.random(500)
    right = rng.random(500) < sure**2
    expected = 0.0
    for number in range(10):
        inside = (sure >= number / 10) & (sure < (number + 1) / 10)
        if inside.any():
            gap = abs(sure[inside].mean() - right[inside].mean())
            expected += inside.mean() * gap
    assert calibration_error(reliability(sure, right)) == pytest.approx(expected)


def test_rows_of_tracks_add_up() -> None:
    rng = np.random.default_rng(1)
    sure = rng.random(60)
    right = rng.random(60) < 0.5
    whole = np.array(reliability(sure, right))
    parts = [reliability(sure[:25], right[:25]), reliability(sure[25:], right[25:])]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole)


def test_a_curve_makes_confidences_into_shares() -> None:
    rng = np.random.default_rng(2)
    sure = rng.uniform(0.02, 0.98, 4000)
    # A model that is much too sure: its logits are twice what they should be, and off by one.
    true_share = calibrated(sure, [0.5, -1.0])
    right = rng.random(4000) < true_share
    curve = fit_confidence(sure, right)
    assert curve is not None
    assert curve == pytest.approx([0.5, -1.0], abs=0.15)
    before = calibration_error(reliability(sure, right))
    after = calibration_error(reliability(calibrated(sure, curve), right))
    assert before is not None
    assert after is not None
    assert after < 0.03 < 0.1 < before


def test_without_a_curve_confidences_stay() -> None:
    assert calibrated([0.0, 0.3, 1.0], None).tolist() == [0.0, 0.3, 1.0]
    # All right, all wrong, none at all: nothing to learn from.
    assert fit_confidence([0.2, 0.9], [1, 1]) is None
    assert fit_confidence([0.2, 0.9], [0, 0]) is None
    assert fit_confidence([], []) is None
    ends = calibrated([0.0, 1.0], [1.0, 0.0])
    assert np.isfinite(ends).all()
