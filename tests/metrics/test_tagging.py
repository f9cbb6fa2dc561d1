"""Figures of tagging against counting by hand; what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mirbricks.metrics.tagging import (
    best_thresholds,
    class_figures,
    confusion_matrix,
    label_curves,
    multi_class_figures,
    multi_label_figures,
)


def test_multi_class_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    scores = np.eye(4)[[0, 0, 1, 1, 3, 2]]
    figures = multi_class_figures(scores, truth)
    assert figures["accuracy"] == pytest.approx(4 / 6)
    assert figures["macro_recall"] == pytest.approx(
        (2 / 3 + 1 / 2 + 1) / 3
    )  # class 3 never occurs
    assert figures["macro_precision"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert figures["micro_recall"] == pytest.approx(4 / 6)
    assert confusion_matrix(truth, scores.argmax(1), 4).tolist() == [
        [2, 1, 0, 0],
        [0, 1, 0, 1],
        [0, 0, 1, 0],
        [0] * 4,
    ]


def test_figures_of_each_class_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    scores = np.eye(5)[[0, 0, 1, 1, 3, 2]]
    figures = class_figures(scores, truth)
    np.testing.assert_allclose(figures["recall"], [2 / 3, 1 / 2, 1, np.nan, np.nan])
    np.testing.assert_allclose(figures["precision"], [1, 1 / 2, 1, 0, np.nan])


def roc_auc(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The share of pairs, one with and one without the label, in the right order; a tie counts half."""
    pairs = [(a, b) for a in scores[truth] for b in scores[~truth]]
    return float(np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs]))


def average_precision(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Precision at each score that occurs, times what the recall gains there."""
    total, before = 0.0, 0.0
    for step in sorted(set(scores), reverse=True):
        given_ = scores >= step
        recall = (given_ & truth).sum() / truth.sum()
        total += (recall - before) * (given_ & truth).sum() / given_.sum()
        before = recall
    return float(total)


@given(st.integers(0, 10**6), st.integers(2, 30))
def test_curves_against_pairs(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 6, (n, 3)) / 5.0, rng.random((n, 3)) < 0.4
    curves = label_curves(scores, truth)
    for label in range(3):
        if truth[:, label].all() or not truth[:, label].any():
            assert np.isnan(curves["roc_auc"][label])
        else:
            assert curves["roc_auc"][label] == pytest.approx(
                roc_auc(scores[:, label], truth[:, label])
            )
            assert curves["pr_auc"][label] == pytest.approx(
                average_precision(scores[:, label], truth[:, label])
            )


def test_a_label_that_all_have_is_no_part_of_the_mean() -> None:
    truth = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0]], bool)
    scores = np.array([[0.2, 0.9, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.9]])
    figures = multi_label_figures(scores, truth, np.full(3, 0.5))
    assert figures["roc_auc_macro"] == figures["pr_auc_macro"] == 1.0
    nothing = multi_label_figures(scores, np.ones((3, 3), bool), np.full(3, 0.5))
    assert np.isnan(nothing["roc_auc_macro"])
    assert np.isnan(nothing["roc_auc_micro"])


def test_thresholds_decide_recall_and_precision() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], bool)
    scores = np.array([[0.6, 0.2], [0.4, 0.3], [0.3, 0.25], [0.1, 0.1]])
    figures = multi_label_figures(scores, truth, np.array([0.35, 0.22]))
    assert (
        figures["macro_recall"]
        == figures["macro_precision"]
        == figures["macro_f1"]
        == 1.0
    )
    halves = multi_label_figures(scores, truth, np.array([0.5, 0.5]))
    assert halves["macro_recall"] == pytest.approx(0.25)


@given(st.integers(0, 10**6))
def test_the_best_threshold_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 8, (15, 2)) / 7.0, rng.random((15, 2)) < 0.5
    found = best_thresholds(scores, truth)

    def f1(label: int, threshold: float) -> float:
        hit = ((scores[:, label] >= threshold) & truth[:, label]).sum()
        return (
            2
            * hit
            / max((scores[:, label] >= threshold).sum() + truth[:, label].sum(), 1)
        )

    for label in range(2):
        if truth[:, label].any():
            best = max(f1(label, step) for step in np.unique(scores[:, label]))
            assert f1(label, found[label]) == pytest.approx(best)
        else:
            assert found[label] == 0.5


def test_a_class_that_only_the_estimate_has() -> None:
    """Micro figures are of all classes: with one class a track they equal the accuracy."""
    figures = multi_class_figures(np.eye(3)[[0, 2, 1]], np.array([0, 0, 1]))
    assert (
        figures["accuracy"]
        == figures["micro_precision"]
        == figures["micro_recall"]
        == pytest.approx(2 / 3)
    )
    assert figures["macro_recall"] == 0.75


def test_a_label_without_an_example_is_in_no_macro_mean() -> None:
    truth = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]], bool)
    figures = multi_label_figures(truth * 0.9 + 0.05, truth, np.full(3, 0.5))
    assert (
        figures["macro_recall"]
        == figures["macro_f1"]
        == figures["macro_precision"]
        == 1.0
    )
    none = multi_label_figures(truth * 0.4, truth & False, np.full(3, 0.5))
    assert np.isnan(none["macro_recall"])
