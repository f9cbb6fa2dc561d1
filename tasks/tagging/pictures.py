"""What the report of a tagging run shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...metrics.tagging import confusion_matrix, label_curves
from ...plots.tags import confusion, curves
from ..base import Evaluation, Picture, Task


def pictures_of(
    task: Task,
    model: nn.Module,
    items: Sequence[Item],
    cache: FeatureCache,
    settings: Mapping[str, Any],
    evaluation: Evaluation,
) -> list[Picture]:
    """The confusion matrix, or the curves of every label; a recording over time."""
    labels = settings["labels"]
    scores = np.array([track["scores"] for track in evaluation.tracks.values()])
    truth = np.zeros(scores.shape, bool)
    for row, track in enumerate(evaluation.tracks.values()):
        truth[row, track["truth"]] = True
    pictures = []
    if settings["thresholds"]:
        areas = label_curves(scores, truth)
        caption = "One line a label; the area under each is its ROC-AUC and its average precision."
        pictures.append(Picture("ROC and precision over recall", caption, curves(scores, truth, labels, areas)))
    else:
        counts = confusion_matrix(truth.argmax(axis=1), scores.argmax(axis=1), len(labels))
        caption = "Rows are the true labels, columns the estimated ones; numbers are recordings."
        pictures.append(Picture("confusion matrix", caption, confusion(counts, labels)))
    longest = max(items, key=lambda item: item.duration_s)
    if longest.key in evaluation.tracks:
        found = task.predict(model, cache.open(longest.key), settings)
        true = ", ".join(task.truth(longest)) or "none"
        figure = task.picture(found, longest.key)
        pictures.append(Picture(f"over time: {longest.key}", f"The longest recording. True labels: {true}.", figure))
    return pictures
