"""What the report of a self-supervised run shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...metrics.tagging import confusion_matrix, label_curves
from ...plots.embeddings import embedding_map, singular_values
from ...plots.tags import confusion, curves
from ..base import Case, Evaluation, Picture
from ..tagging.pictures import wrong_recordings
from .probe_several import HALF


def pictures_of(
    vectors: NDArray[np.float64],
    items: Sequence[Any],
    labels: Sequence[str],
    evaluation: Evaluation,
    truth: Callable[[Any], list[str]],
) -> list[Picture | Case]:
    """Of the embeddings (N, D) of recordings."""
    names = [(truth(item) or ["none"])[0] if labels else "" for item in items]
    pictures: list[Picture | Case] = []
    if len(items) > 2:
        caption = "Each point is a recording, on the two principal components of the standardised embeddings."
        pictures.append(
            Picture("map of the embeddings", caption, embedding_map(vectors, names))
        )
        caption = "A collapsed encoder has one or a few; the effective rank is the exponential of their entropy."
        pictures.append(
            Picture(
                "singular values of the embeddings", caption, singular_values(vectors)
            )
        )
    if labels:
        pictures.append(_of_labels(labels, evaluation))
        pictures += _wrong(items, labels, evaluation)
    return pictures


def _wrong(
    items: Sequence[Any], labels: Sequence[str], evaluation: Evaluation
) -> list[Case]:
    """The recordings of which the linear probe is surest and wrong, to hear."""
    by_key = {item.key: item for item in items}
    rows = {key: row for key, row in evaluation.tracks.items() if key in by_key}
    if not rows:
        return []
    scores = np.array([row["scores"] for row in rows.values()])
    truth = np.zeros(scores.shape, bool)
    for number, row in enumerate(rows.values()):
        truth[number, row["truth"]] = True
    several = "knn_scores" in next(iter(rows.values()))
    thresholds = [HALF] * len(labels) if several else []
    judged = [by_key[key] for key in rows]
    return wrong_recordings(judged, scores, truth, labels, thresholds)


def _of_labels(labels: Sequence[str], evaluation: Evaluation) -> Picture:
    """What the linear probe finds: curves where recordings have several labels, else the confusion matrix."""
    rows = list(evaluation.tracks.values())
    scores = np.array([row["scores"] for row in rows])
    if "knn_scores" in rows[0]:
        truth = np.zeros(scores.shape, bool)
        for number, row in enumerate(rows):
            truth[number, row["truth"]] = True
        areas = label_curves(scores, truth)
        caption = "The linear probe: one line per label; the area under each is its ROC-AUC and its average precision."
        figure = curves(scores, truth, labels, areas)
        return Picture("ROC and precision over recall", caption, figure)
    true = np.array([row["truth"][0] for row in rows])
    counts = confusion_matrix(true, scores.argmax(axis=1), len(labels))
    caption = "The linear probe: rows are the true labels, columns the estimated ones; numbers are recordings."
    return Picture("confusion matrix", caption, confusion(counts, labels))
