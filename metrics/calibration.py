"""Whether confidences are shares of right answers: expected calibration error, and a curve that mends it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
N_BINS = 10
LEAST = 1e-6  # a confidence of 0 or 1 would have no finite logit


def reliability(
    confidence: ArrayLike, right: ArrayLike, n_bins: int = N_BINS
) -> list[list[float]]:
    """Answers by their confidence: for each of `n_bins` equal parts of 0 … 1 a row of how many there are, the sum of
    their confidences, and how many of them are right. Rows of several recordings add up.
    """
    sure = np.asarray(confidence, np.float64)
    hits = np.asarray(right, np.float64)
    # The last part holds 1 as well.
    part = np.minimum((sure * n_bins).astype(np.int64), n_bins - 1)
    columns = [
        np.bincount(part, weights, minlength=n_bins)
        for weights in (np.ones(len(sure)), sure, hits)
    ]
    rows: list[list[float]] = np.stack(columns, axis=1).tolist()
    return rows


def calibration_error(rows: Sequence[Sequence[float]] | Float64) -> float | None:
    """The expected calibration error: how far confidence and share of right answers are apart, a mean over answers.

    `rows` are those of `reliability`; None where there is no answer.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.
    """
    counts, sure, right = np.asarray(rows, np.float64).T
    if not counts.sum():
        return None
    return float(np.abs(sure - right).sum() / counts.sum())


def fit_confidence(confidence: ArrayLike, right: ArrayLike) -> list[float] | None:
    """[slope, offset] of the logistic curve that turns confidences into shares of right answers; see `calibrated`.

    None where all answers are right or all are wrong, from which no curve can be learned.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, on the logit of the confidence.
    """
    hits = np.asarray(right, bool)
    if hits.all() or not hits.any():
        return None
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    curve = LogisticRegression().fit(logit(confidence)[:, None], hits)
    return [float(curve.coef_[0, 0]), float(curve.intercept_[0])]


def calibrated(confidence: ArrayLike, curve: Sequence[float] | None) -> Float64:
    """sigmoid(slope · logit(confidence) + offset); the confidences as they are where there is no curve."""
    if curve is None:
        return np.asarray(confidence, np.float64)
    slope, offset = curve
    return np.asarray(1.0 / (1.0 + np.exp(-(slope * logit(confidence) + offset))))


def logit(confidence: ArrayLike) -> Float64:
    """log(c / (1 - c)), of values kept a millionth away from 0 and 1."""
    kept = np.clip(np.asarray(confidence, np.float64), LEAST, 1.0 - LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
