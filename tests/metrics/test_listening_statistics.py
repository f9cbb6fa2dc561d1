"""Statistics of ratings, held against closed forms, other formulas and simulated listeners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.metrics.listening import (
    binomial,
    holm,
    mean_interval,
    paired,
    post_screening,
)


def test_the_interval_holds_the_true_mean_in_95_of_100_tests() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        found = mean_interval(rng.normal(60.0, 12.0, 7))
        hits += found.low <= 60.0 <= found.high
    assert 930 <= hits <= 970


def test_intervals_of_nobody_and_of_one() -> None:
    assert math.isnan(mean_interval(np.array([])).value)
    one = mean_interval(np.array([50.0]))
    assert one.value == 50.0
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def signed_ranks(difference: np.ndarray) -> float:
    """The two-sided probability of the signed-rank statistic, by all signs: exact without ties and zeros."""
    ranks = np.argsort(np.argsort(np.abs(difference))) + 1
    signs = np.array(np.meshgrid(*[[0, 1]] * len(ranks))).reshape(len(ranks), -1)
    sums = ranks @ signs
    seen = ranks @ (difference > 0)
    tail = min(np.mean(sums <= seen), np.mean(sums >= seen))
    return min(1.0, 2 * float(tail))


@pytest.mark.parametrize("n", [2, 5, 9])
def test_the_signed_rank_test_is_exact_for_few_listeners(n: int) -> None:
    rng = np.random.default_rng(n)
    first, second = rng.normal(62, 5, n), rng.normal(55, 5, n)
    found = paired(first, second)
    assert found.p_wilcoxon == pytest.approx(signed_ranks(first - second))
    assert found.difference.value == pytest.approx(first.mean() - second.mean())


def test_the_paired_t_test_agrees_with_its_interval() -> None:
    """A difference is significant at .05 exactly where the 95 % interval does not hold 0."""
    rng = np.random.default_rng(3)
    for shift in np.linspace(0, 10, 40):
        found = paired(rng.normal(50 + shift, 8, 10), rng.normal(50, 8, 10))
        outside = found.difference.low > 0 or found.difference.high < 0
        assert (found.p_t < 0.05) == outside


def test_no_difference_and_a_constant_difference() -> None:
    scores = np.array([50.0, 60, 70])
    same = paired(scores, scores)
    assert (same.p_wilcoxon, same.p_t) == (1.0, 1.0)
    shifted = paired(scores + 5, scores)
    assert math.isnan(shifted.p_t)
    assert shifted.p_wilcoxon == 0.25
    assert shifted.difference.low == shifted.difference.high == 5.0
    assert math.isnan(paired(scores[:1], scores[:1]).p_t)


def test_probabilities_of_chance_are_even() -> None:
    """Of two systems that sound alike one test in twenty is below .05, not more."""
    rng = np.random.default_rng(0)
    found = [paired(*rng.normal(50, 10, (2, 12))) for _ in range(600)]
    for name in ("p_wilcoxon", "p_t"):
        share = np.mean([getattr(one, name) < 0.05 for one in found])
        assert 0.03 <= share <= 0.07


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_its_steps_reject(probabilities: list[float]) -> None:
    adjusted = holm(probabilities)
    # Holm's own words: go up from the smallest as long as p <= alpha / (number of tests that are left).
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        order = sorted(range(len(probabilities)), key=lambda i: probabilities[i])
        for rank, place in enumerate(order):
            if probabilities[place] * (len(order) - rank) > alpha:
                break
            rejected.add(place)
        assert rejected == {i for i, p in enumerate(adjusted) if p <= alpha}


def test_holm_leaves_out_what_is_unknown() -> None:
    adjusted = holm([0.01, float("nan"), 0.04])
    assert (adjusted[0], adjusted[2]) == (0.02, 0.04)
    assert math.isnan(adjusted[1])


@pytest.mark.parametrize(("correct", "n"), [(0, 5), (5, 5), (12, 16), (9, 16)])
def test_binomial_counts_the_ways_to_guess(correct: int, n: int) -> None:
    found = binomial(correct, n)
    ways = sum(math.comb(n, k) for k in range(correct, n + 1))
    assert found.p == pytest.approx(ways / 2**n)
    assert found.share.low <= correct / n <= found.share.high
    # The exact interval: at its lower end so many or more are right in 2.5 % of the tests.
    if correct:
        low = found.share.low
        tail = sum(
            math.comb(n, k) * low**k * (1 - low) ** (n - k)
            for k in range(correct, n + 1)
        )
        assert tail == pytest.approx(0.025)


def test_post_screening_counts_items() -> None:
    reference = np.array([100.0, 90, 89.9, 100])
    assert post_screening(reference) == (0.25, 0.0)
    assert post_screening(reference, np.array([90.0, 91, 20, 30])) == (0.25, 0.25)
    assert post_screening(reference, np.array([])) == (0.25, 0.0)
