"""What ratings of listening tests say: means with intervals, paired tests, and who is left out.

The functions take plain arrays of scores, and know nothing about files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[Any]

CONFIDENCE = 0.95
# ITU-R BS.1534-3, 4.1.2: a listener is left out who does this in more than 15 % of the items.
REFERENCE_BELOW = 90.0
MID_ANCHOR_ABOVE = 90.0
MOST_FAILED = 0.15


@dataclass(frozen=True)
class Interval:
    """A mean or a share with the interval that holds the true one with a confidence of 95 %; NaN where unknown."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Paired:
    """The mean difference of two systems that were rated by the same listeners, and how likely chance gives more.

    Attributes
    ----------
    difference : Interval
        Of the first less the second.
    p_wilcoxon : float
        Of the Wilcoxon signed-rank test, two-sided.
    p_t : float
        Of the paired t test, two-sided.
    """

    difference: Interval
    p_wilcoxon: float
    p_t: float


@dataclass(frozen=True)
class Binomial:
    """Right answers of so many, and how likely guessing gives as many or more."""

    correct: int
    share: Interval
    p: float


def mean_interval(values: Float) -> Interval:
    """The mean of independent values, with Student's interval.

    Parameters
    ----------
    values : ndarray, shape (n,)
        One per listener, for example.

    Returns
    -------
    Interval
        Its bounds are NaN for fewer than two values.

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.metrics.listening import mean_interval
    >>> found = mean_interval(np.array([70.0, 80.0, 90.0]))
    >>> [round(float(one), 1) for one in (found.low, found.value, found.high)]
    [55.2, 80.0, 104.8]
    """
    from scipy import stats  # takes a while to import

    n = len(values)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean, np.nan, np.nan, 1)
    error = float(np.std(values, ddof=1)) / np.sqrt(n)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    return Interval(mean, mean - half, mean + half, n)


def paired(first: Float, second: Float) -> Paired:
    """Whether the same listeners rate one system higher than another.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Scores of both systems by the same listeners (or of the same items), in the same order.

    Returns
    -------
    Paired
        The probabilities are NaN for fewer than two pairs, and 1 where no pair differs; that of the t test is NaN
        where all pairs differ by the same.
    """
    from scipy import stats

    difference = np.asarray(first, dtype=np.float64) - np.asarray(second)
    interval = mean_interval(difference)
    if len(difference) < 2:
        return Paired(interval, np.nan, np.nan)
    if not difference.any():
        return Paired(interval, 1.0, 1.0)
    p_wilcoxon = float(stats.wilcoxon(difference).pvalue)
    # Differences that are all equal have no spread, and the t test has nothing to compare their mean with.
    p_t = float("nan")
    if np.ptp(difference) > 0:
        p_t = float(stats.ttest_1samp(difference, 0.0).pvalue)
    return Paired(interval, p_wilcoxon, p_t)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Probabilities of several tests, adjusted so that the chance of a single false finding among all is kept.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    adjusted = [float("nan")] * len(probabilities)
    known = [i for i, p in enumerate(probabilities) if not np.isnan(p)]
    largest = 0.0
    # From the smallest on, times the number of tests that are left; never smaller than the one before.
    for rank, place in enumerate(sorted(known, key=lambda i: probabilities[i])):
        scaled = (len(known) - rank) * probabilities[place]
        largest = max(largest, min(1.0, scaled))
        adjusted[place] = largest
    return adjusted


def binomial(correct: int, n: int) -> Binomial:
    """Right answers of an ABX test: the exact (Clopper-Pearson) interval, and the one-sided test against guessing.

    Parameters
    ----------
    correct, n : int
        How many of the answers are right; n is 1 or more.
    """
    from scipy import stats

    test = stats.binomtest(correct, n, 0.5, alternative="greater")
    both = stats.binomtest(correct, n).proportion_ci(CONFIDENCE, method="exact")
    share = Interval(correct / n, float(both.low), float(both.high), n)
    return Binomial(correct, share, float(test.pvalue))


def post_screening(
    reference: Float, mid_anchor: Float | None = None
) -> tuple[float, float]:
    """How often a listener fails in the rule of ITU-R BS.1534-3, 4.1.2.

    Parameters
    ----------
    reference : ndarray, shape (items,)
        The scores that a listener gave to the hidden reference.
    mid_anchor : ndarray, shape (items,), optional
        Those given to the mid-range anchor (7 kHz), where the test has one.

    Returns
    -------
    low_reference, high_anchor : float
        The shares of items with a reference below 90 and with a mid-range anchor above 90. A listener with more than
        15 % in one of them is left out.
    """
    low_reference = float(np.mean(np.asarray(reference) < REFERENCE_BELOW))
    if mid_anchor is None or not len(mid_anchor):
        return low_reference, 0.0
    return low_reference, float(np.mean(np.asarray(mid_anchor) > MID_ANCHOR_ABOVE))
