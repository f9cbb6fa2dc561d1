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
from ..base import Case, Evaluation, Picture, Task
from ..excerpts import recorded

MOST_WRONG = 6  # recordings with a player each
SHORTEST = 8  # taps of a convolution that is a filter to look at


def pictures_of(
    task: Task,
    model: nn.Module,
    items: Sequence[Item],
    cache: FeatureCache,
    settings: Mapping[str, Any],
    evaluation: Evaluation,
) -> list[Picture | Case]:
    """The confusion matrix, or the curves of every label; the figures of each; wrong recordings; one over time;
    filters.
    """
    scores = np.array([track["scores"] for track in evaluation.tracks.values()])
    truth = np.zeros(scores.shape, bool)
    for row, track in enumerate(evaluation.tracks.values()):
        truth[row, track["truth"]] = True
    pictures: list[Picture | Case] = [
        *of_labels(scores, truth, settings["labels"], bool(settings["thresholds"]))
    ]
    by_key = {item.key: item for item in items}
    judged = [by_key[key] for key in evaluation.tracks if key in by_key]
    if len(judged) == len(scores):
        pictures += wrong_recordings(
            judged, scores, truth, settings["labels"], settings["thresholds"]
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
        estimate = ", ".join(found.labels) or "none"
        pictures.append(
            Case(
                f"over time: {longest.key}",
                truth=true,
                estimate=estimate,
                score=_score_of(found.scores, task.truth(longest)),
                caption="The longest recording; its true labels are green where they are predicted.",
                figure=figure,
                sounds=recorded(longest, 0.0, longest.key),
            )
        )
    if task.feature.type == "waveform":
        pictures += filter_pictures(model, task.feature.sr_hz)
    return pictures


def of_labels(
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


def wrong_recordings(
    items: Sequence[Any],
    scores: NDArray[np.float64],
    truth: NDArray[np.bool_],
    labels: Sequence[str],
    thresholds: Sequence[float],
) -> list[Case]:
    """The recordings of which the model is surest and wrong, to hear.

    Parameters
    ----------
    items : sequence
        Recordings, a row of `scores` and `truth` each.
    scores, truth : ndarray, shape (N, K)
        Probabilities, and which labels each recording has.
    labels : sequence of str
        The K labels.
    thresholds : sequence of float
        Of each label, where recordings have several; else empty.
    """
    if len(thresholds):
        found = scores >= np.asarray(thresholds)
    else:
        found = np.zeros(scores.shape, bool)
        found[np.arange(len(scores)), scores.argmax(axis=1)] = True
    wrong: list[int] = np.flatnonzero((found != truth).any(axis=1)).tolist()

    # How sure the model is of what is wrong: of labels too many, and of the absence of those too few.
    missed = np.where(truth, 1.0 - scores, 0.0)
    too_many = np.where(truth, 0.0, scores)
    mistaken = np.where(found != truth, np.maximum(missed, too_many), 0.0).max(axis=1)
    surest = sorted(wrong, key=lambda row: -mistaken[row])[:MOST_WRONG]

    cases = []
    for place, row in enumerate(surest, 1):
        own = {label: float(scores[row, k]) for k, label in enumerate(labels)}
        true = [labels[k] for k in np.flatnonzero(truth[row]).tolist()]
        predicted = [labels[k] for k in np.flatnonzero(found[row]).tolist()]
        cases.append(
            Case(
                f"wrong, {place} of {len(wrong)}: {items[row].key}",
                truth=", ".join(true) or "none",
                estimate=_with_scores(predicted, own) or "none",
                score=_score_of(own, true),
                sounds=recorded(items[row], 0.0, items[row].key),
            )
        )
    return cases


def _with_scores(names: Sequence[str], scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} ({scores[name]:.2f})" for name in names)


def _score_of(scores: Mapping[str, float], true: Sequence[str]) -> str:
    """The probability of the true labels: 1 would be right."""
    known = [name for name in true if name in scores]
    if not known:
        return f"highest probability {max(scores.values()):.2f}, of no true label"
    return f"probability of the truth: {_with_scores(known, scores)}"


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
