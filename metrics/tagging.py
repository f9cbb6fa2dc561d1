"""Tagging, one score per track and label: scikit-learn's figures, with NaN where a figure is undefined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def multi_class_figures(scores: Float64, truth: NDArray[np.int64]) -> dict[str, float]:
    """Figures of scores (tracks, K) against the one true class of each track, (tracks,).

    accuracy and {macro,micro}_{recall,precision,f1}. Macro figures are means over the classes that occur in the truth;
    a class that is never estimated has precision 0. Micro figures are of all classes, and so equal the accuracy.
    """
    estimate = scores.argmax(axis=1)
    return {
        "accuracy": float(np.mean(estimate == truth)),
        **_averages(truth, estimate, np.unique(truth)),
    }


def multi_label_figures(
    scores: Float64, truth: NDArray[np.bool_], thresholds: Float64
) -> dict[str, float]:
    """Figures of scores (tracks, K) against the true labels (tracks, K); a label is given from its threshold (K,) on.

    roc_auc_macro, pr_auc_macro (average precision), their micro variants, and {macro,micro}_{recall,precision,f1}.
    A label that every track has, or none, has no curve, and one that none has no recall: they are left out of these
    macro means. NaN where none is left.
    """
    curves = label_curves(scores, truth)
    # scikit-learn has no value for such a label, and one NaN would spoil the mean of all.
    kept = ~np.isnan(curves["roc_auc"])
    figures = {
        f"{name}_macro": float(values[kept].mean()) if kept.any() else np.nan
        for name, values in curves.items()
    }
    figures |= {
        f"{name}_micro": value
        for name, value in _pooled_curves(scores[:, kept], truth[:, kept]).items()
    }
    return figures | _averages(
        truth, scores >= thresholds, np.flatnonzero(truth.any(axis=0))
    )


def label_curves(scores: Float64, truth: NDArray[np.bool_]) -> dict[str, Float64]:
    """{"roc_auc", "pr_auc"}: (K,), the areas of each label; NaN where every track has it, or none."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    areas = np.full((2, truth.shape[1]), np.nan)
    for label in np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0)):
        areas[0, label] = roc_auc_score(truth[:, label], scores[:, label])
        areas[1, label] = average_precision_score(truth[:, label], scores[:, label])
    return {"roc_auc": areas[0], "pr_auc": areas[1]}


def class_figures(scores: Float64, truth: NDArray[np.int64]) -> dict[str, Float64]:
    """{"recall", "precision"} of each class, (K,), of scores (tracks, K) against the true class of each track.

    NaN where no track has the class (recall), or none is estimated to have it (precision).
    """
    estimate = scores.argmax(axis=1)
    classes = np.arange(scores.shape[1])[:, None]
    is_true = truth == classes
    is_found = estimate == classes
    both = (is_true & is_found).sum(axis=1)
    # 0 / 0 is the NaN that the docstring promises.
    with np.errstate(invalid="ignore"):
        return {
            "recall": both / is_true.sum(axis=1),
            "precision": both / is_found.sum(axis=1),
        }


def _pooled_curves(scores: Float64, truth: NDArray[np.bool_]) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    # No label has a curve, so neither has their union.
    if truth.size == 0:
        return {"roc_auc": np.nan, "pr_auc": np.nan}
    pair = (truth.ravel(), scores.ravel())
    return {
        "roc_auc": float(roc_auc_score(*pair)),
        "pr_auc": float(average_precision_score(*pair)),
    }


def best_thresholds(scores: Float64, truth: NDArray[np.bool_]) -> Float64:
    """For each label the threshold with the highest F1 on these tracks, (K,); .5 where no track has the label.

    It lies halfway between two scores that occur, so that a score a little lower elsewhere does not miss it.
    """
    from sklearn.metrics import precision_recall_curve

    found = np.full(truth.shape[1], 0.5)
    for label in np.flatnonzero(truth.any(axis=0)):
        precision, recall, steps = precision_recall_curve(
            truth[:, label], scores[:, label]
        )
        # The last point of the curve has no threshold.
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = int(f1[:-1].argmax())
        # scikit-learn gives the lowest score that is still taken; the gap below it is free.
        below = scores[scores[:, label] < steps[best], label]
        if below.size:
            found[label] = (steps[best] + below.max()) / 2
        else:
            found[label] = steps[best]
    return found


def confusion_matrix(
    truth: NDArray[np.int64], estimate: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """(true class, estimated class): how many tracks."""
    from sklearn.metrics import confusion_matrix as count

    return np.asarray(count(truth, estimate, labels=np.arange(n_classes)), np.int64)


def _averages(
    truth: NDArray[np.generic],
    estimate: NDArray[np.generic],
    occurring: NDArray[np.int64],
) -> dict[str, float]:
    """Macro figures over the `occurring` labels, micro figures over all."""
    from sklearn.metrics import precision_recall_fscore_support

    figures: dict[str, float] = {}
    for average, labels in (("macro", occurring), ("micro", None)):
        if labels is not None and not len(labels):
            figures |= dict.fromkeys(
                ("macro_precision", "macro_recall", "macro_f1"), np.nan
            )
            continue
        values = precision_recall_fscore_support(
            truth, estimate, labels=labels, average=average, zero_division=0
        )
        figures |= {
            f"{average}_{name}": float(value)
            for name, value in zip(
                ("precision", "recall", "f1"), values[:3], strict=True
            )
        }
    return figures
