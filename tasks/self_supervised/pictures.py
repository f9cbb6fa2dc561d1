"""What the report of a self-supervised run shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...metrics.tagging import confusion_matrix
from ...plots.embeddings import embedding_map, singular_values
from ...plots.tags import confusion
from ..base import Evaluation, Picture


def pictures_of(
    vectors: NDArray[np.float64],
    items: Sequence[Any],
    labels: Sequence[str],
    evaluation: Evaluation,
    truth: Callable[[Any], list[str]],
) -> list[Picture]:
    """Of the embeddings (N, D) of recordings."""
    names = [(truth(item) or ["none"])[0] if labels else "" for item in items]
    pictures = []
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
        rows = list(evaluation.tracks.values())
        true = np.array([row["truth"][0] for row in rows])
        found = np.array([row["scores"] for row in rows]).argmax(axis=1)
        caption = "The linear probe: rows are the true labels, columns the estimated ones; numbers are recordings."
        pictures.append(
            Picture(
                "confusion matrix",
                caption,
                confusion(confusion_matrix(true, found, len(labels)), labels),
            )
        )
    return pictures
