"""What the report of a tagging run shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...blocks.frontends.sincnet import SincNet
from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...metrics.tagging import class_figures, confusion_matrix, label_curves
from ...plots.filters import filter_bank
from ...plots.tags import confusion, curves, label_bars
from ..base import Evaluation, Picture, Task

SHORTEST = 8  # taps of a convolution that is a filter to look at


def pictures_of(
    task: Task,
    model: nn.Module,
    items: Sequence[Item],
    cache: FeatureCache,
    settings: Mapping[str, Any],
    evaluation: Evaluation,
) -> list[Picture]:
    """The confusion matrix, or the curves of every label; the figures of each; a recording over time; filters."""
    scores = np.array([track["scores"] for track in evaluation.tracks.values()])
    truth = np.zeros(scores.shape, bool)
    for row, track in enumerate(evaluation.tracks.values()):
        truth[row, track["truth"]] = True
    pictures = _of_labels(
        scores, truth, settings["labels"], bool(settings["thresholds"])
    )
    # Of equally long recordings, the one with most labels has most to show.
    longest = max(
        items,
        key=lambda item: (
            item.duration_s,
            len(task.truth(item)) if item.key in evaluation.tracks else 0,
        ),
    )
    if longest.key in evaluation.tracks:
        found = task.predict(model, cache.open(longest.key), settings)
        true = ", ".join(task.truth(longest)) or "none"
        figure = task.picture(found, longest.key)
        pictures.append(
            Picture(
                f"over time: {longest.key}",
                f"The longest recording. True labels: {true}.",
                figure,
            )
        )
    if task.feature.type == "waveform":
        pictures += filter_pictures(model, task.feature.sr_hz)
    return pictures


def _of_labels(
    scores: NDArray[np.float64],
    truth: NDArray[np.bool_],
    labels: Sequence[str],
    several: bool,
) -> list[Picture]:
    if several:
        areas = label_curves(scores, truth)
        caption = "One line per label; the area under each is its ROC-AUC and its average precision."
        pictures = [
            Picture(
                "ROC and precision over recall",
                caption,
                curves(scores, truth, labels, areas),
            )
        ]
        names = {"ROC-AUC": areas["roc_auc"], "average precision": areas["pr_auc"]}
    else:
        classes = truth.argmax(axis=1)
        counts = confusion_matrix(classes, scores.argmax(axis=1), len(labels))
        caption = "Rows are the true labels, columns the estimated ones; numbers are recordings."
        pictures = [Picture("confusion matrix", caption, confusion(counts, labels))]
        areas = class_figures(scores, classes)
        names = {
            "recall": areas["recall"],
            "precision": np.nan_to_num(areas["precision"]),
        }
    left_out = np.isnan(next(iter(names.values())))
    known = {
        label: {name: float(values[k]) for name, values in names.items()}
        for k, label in enumerate(labels)
        if not left_out[k]
    }
    if known:
        caption = "Behind each label the number of recordings that have it." + _without(
            labels, left_out, several
        )
        figure = label_bars(
            known, truth.sum(axis=0)[~left_out].tolist(), "figures of each label"
        )
        pictures.append(Picture("label by label", caption, figure))
    return pictures


def _without(labels: Sequence[str], left_out: NDArray[np.bool_], several: bool) -> str:
    """Which labels have no figure, in words."""
    names = [label for label, out in zip(labels, left_out, strict=True) if out]
    if several:
        why = "every recording has them, or none"
    else:
        why = "no recording has them"
    if names:
        return f" Left out, also of the macro means, because {why}: {', '.join(names)}."
    return ""


def filter_pictures(model: nn.Module, sr_hz: int) -> list[Picture]:
    """The filters of the first layer that reads the waveform, if it is a convolution or a SincNet."""
    for module in model.modules():
        if isinstance(module, SincNet):
            low, high = (
                edge.detach().double().cpu().numpy() for edge in module.band_edges_hz()
            )
            taps = module.filters().detach().double().cpu().numpy()
            caption = "Responses of the SincNet filters; their bands are all that is learned, here beside a mel scale."
            return [
                Picture(
                    "learned filters", caption, filter_bank(taps, sr_hz, (low, high))
                )
            ]
        if (
            isinstance(module, nn.Conv1d)
            and module.in_channels == 1
            and module.kernel_size[0] >= SHORTEST
        ):
            taps = module.weight.detach()[:, 0].double().cpu().numpy()
            caption = "Responses of the first convolution's filters, in the order of the frequency they answer to most."
            return [Picture("learned filters", caption, filter_bank(taps, sr_hz))]
        # The first convolution has no filters to look at,
        # and later ones do not read the waveform.
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            return []
    return []
