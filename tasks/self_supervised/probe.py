"""What frozen embeddings know of labels: a linear classifier and the nearest neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TaskError

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
COSTS = (0.001, 0.01, 0.1, 1.0, 10.0)
PARTS = 5
DIGITS = 5


def fitted(
    vectors: Float64, classes: Int64, labels: Sequence[str], groups: Sequence[str]
) -> dict[str, Any]:
    """Both probes on embeddings (N, D) of labelled training recordings, as plain values.

    The linear one is a logistic regression on standardised features, its C the best of five in a cross-validation that
    keeps groups together; the neighbours are the embeddings themselves, of unit length.
    Source: Pedregosa et al., scikit-learn, JMLR 2011. Raises TaskError E531.
    """
    from sklearn.linear_model import (
        LogisticRegression,
    )  # scikit-learn takes a second to import
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # A class that is missing from the training part of a fold cannot be scored: the
    # rarest class limits how many folds there are.
    parts = min(PARTS, *_groups_of_each(classes, labels, groups))
    model = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=5000, C=COSTS[2])
    )
    if parts > 1:
        folds = StratifiedGroupKFold(parts, shuffle=True, random_state=0)
        search = GridSearchCV(model, {"logisticregression__C": COSTS}, cv=folds)
        model = search.fit(vectors, classes, groups=np.asarray(groups)).best_estimator_
    else:
        model.fit(vectors, classes)

    # w · (x - μ) / σ + b = (w / σ) · x + (b - (w / σ) · μ): with the standardisation
    # folded in, two arrays are all there is to save.
    scaler = model[0]
    linear = model[1]
    weights = linear.coef_ / scaler.scale_
    bias = linear.intercept_
    bias = bias - weights @ scaler.mean_
    if len(labels) == 2:  # scikit-learn keeps the difference of the two
        weights = np.concatenate([-weights, weights]) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return {
        "labels": list(labels),
        "cost": float(linear.C),
        "weights": weights.tolist(),
        "bias": bias.tolist(),
        "neighbours": unit(vectors).round(DIGITS).tolist(),
        "classes": classes.tolist(),
    }


def _groups_of_each(
    classes: Int64, labels: Sequence[str], groups: Sequence[str]
) -> list[int]:
    """In how many groups each class occurs. Raises TaskError E531 for a class that has no example."""
    found = Counter(
        number for number, _ in {*zip(classes.tolist(), groups, strict=True)}
    )
    there = np.array([found[number] > 0 for number in range(len(labels))])
    refuse_without_example(there, labels)
    return [found[number] for number in range(len(labels))]


def refuse_without_example(there: NDArray[np.bool_], labels: Sequence[str]) -> None:
    """Raise TaskError E531 for a label that no training recording has."""
    missing = [label for label, has in zip(labels, there, strict=True) if not has]
    if missing:
        raise TaskError(
            f"no training recording has the label '{missing[0]}', so the probes cannot know it",
            code="E531",
            help="take another split, or more recordings of it",
        )


def linear_scores(probe: Mapping[str, Any], vectors: Float64) -> Float64:
    """Probabilities (N, K) of embeddings (N, D) by the linear probe."""
    logits = vectors @ np.array(probe["weights"]).T + np.array(probe["bias"])
    # Less the greatest logit, so that exp cannot overflow.
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def nearest(probe: Mapping[str, Any], vectors: Float64, k: int) -> Int64:
    """The class (N,) that weighs most among the k nearest training recordings, each by its cosine."""
    classes = np.array(probe["classes"])
    known = np.array(probe["neighbours"])
    cosines = unit(vectors) @ known.T
    first = np.argsort(-cosines, axis=1, kind="stable")[:, :k]

    # A neighbour votes with 1 + cos, which is never
    # negative: it cannot speak against its own class.
    votes = np.zeros((len(vectors), len(probe["labels"])))
    rows = np.arange(len(vectors))[:, None]
    np.add.at(
        votes,
        (np.broadcast_to(rows, first.shape), classes[first]),
        1 + cosines[rows, first],
    )
    return np.asarray(votes.argmax(axis=1), np.int64)


def unit(vectors: Float64) -> Float64:
    """Rows of unit length."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float64)
