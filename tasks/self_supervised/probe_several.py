"""The probes where a recording may have several labels: a linear classifier per label, and the nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...metrics.tagging import label_curves
from .probe import COSTS, DIGITS, PARTS, refuse_without_example, unit

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
HALF = 0.5  # the probability from which on a recording has a label
ALWAYS = (
    1e-3  # share of the recordings without a label that all training recordings have
)


def fitted(
    vectors: Float64, truth: Bool, labels: Sequence[str], groups: Sequence[str]
) -> dict[str, Any]:
    """Both probes on embeddings (N, D) of training recordings with labels (N, K), as plain values.

    The linear one is a logistic regression per label on standardised features. They share their C, the one of five
    with the highest mean average precision in a cross-validation that keeps groups together. The neighbours are the
    embeddings themselves, of unit length. Raises TaskError E531.
    """
    refuse_without_example(np.asarray(truth.any(axis=0)), labels)
    cost = _best_cost(vectors, truth, groups)
    weights, bias = _linear(vectors, truth, cost)
    return {
        "labels": list(labels),
        "cost": cost,
        "weights": weights.tolist(),
        "bias": bias.tolist(),
        "neighbours": unit(vectors).round(DIGITS).tolist(),
        "truth": [np.flatnonzero(row).tolist() for row in truth],
    }


def _best_cost(vectors: Float64, truth: Bool, groups: Sequence[str]) -> float:
    from sklearn.model_selection import GroupKFold

    parts = min(PARTS, len(set(groups)))
    if parts < 2:
        return COSTS[2]
    folds = list(GroupKFold(parts).split(vectors, groups=np.asarray(groups)))
    best = -1.0
    cost = COSTS[2]
    for candidate in COSTS:
        # Each group is scored by classifiers that have not seen it; the areas are those
        # of all folds together, since a rare label may be missing from one.
        scores = np.zeros(truth.shape)
        for train, held in folds:
            weights, bias = _linear(vectors[train], truth[train], candidate)
            scores[held] = vectors[held] @ weights.T + bias
        areas = label_curves(scores, truth)["pr_auc"]
        known = areas[~np.isnan(areas)]
        # The first of equals, so that the strongest regularisation wins.
        if len(known) and float(known.mean()) > best:
            best = float(known.mean())
            cost = candidate
    return cost


def _linear(vectors: Float64, truth: Bool, cost: float) -> tuple[Float64, Float64]:
    """Weights (K, D) and biases (K,) of a classifier per label, for embeddings that are not standardised."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(vectors)
    x = scaler.transform(vectors)
    weights = np.zeros((truth.shape[1], vectors.shape[1]))
    bias = np.zeros(truth.shape[1])
    for label in range(truth.shape[1]):
        own = truth[:, label]
        # Nothing can be told apart where every recording has the label, or none.
        if own.all() or not own.any():
            share = 1 - ALWAYS if own.all() else ALWAYS
            bias[label] = np.log(share / (1 - share))
            continue
        model = LogisticRegression(max_iter=5000, C=cost).fit(x, own)
        # The standardisation is folded in, as in `probe.fitted`.
        weights[label] = model.coef_[0] / scaler.scale_
        bias[label] = model.intercept_[0] - weights[label] @ scaler.mean_
    return weights, bias


def linear_scores(probe: Mapping[str, Any], vectors: Float64) -> Float64:
    """Probabilities (N, K) of embeddings (N, D), each label by itself."""
    logits = vectors @ np.array(probe["weights"]).T + np.array(probe["bias"])
    return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float64)


def neighbour_scores(probe: Mapping[str, Any], vectors: Float64, k: int) -> Float64:
    """Scores (N, K): how much of the k nearest training recordings has each label, weighed by their cosines."""
    known = np.array(probe["neighbours"])
    truth = np.zeros((len(known), len(probe["labels"])))
    for row, own in enumerate(probe["truth"]):
        truth[row, own] = 1.0
    cosines = unit(vectors) @ known.T
    first = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    # 1 + cos is never negative, so that the scores are shares.
    weights = 1 + np.take_along_axis(cosines, first, axis=1)
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(
        (weights[:, :, None] * truth[first]).sum(axis=1) / total, np.float64
    )
