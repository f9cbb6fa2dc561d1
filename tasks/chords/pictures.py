"""What the report of a chord run shows: the best track and the worst ones, to look at and to hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...metrics.chords import Chords
from ...outputs.layers import Segment, Segments
from ..base import Case, Evaluation, Task
from ..evaluation import best_and_worst
from ..excerpts import where_wrong

STEP_S = 0.1  # between the times at which truth and estimate are compared
MOST_NAMED = 6  # chords in a line


def pictures_of(
    task: Task,
    model: nn.Module,
    items: Sequence[Any],
    cache: Any,
    settings: Mapping[str, Any],
    evaluation: Evaluation,
) -> list[Case]:
    """A ribbon of each, with the recording where the corpus has it, its truth and the estimate as sound."""
    by_key = {item.key: item for item in items}
    majmin = {
        key: track["majmin"]
        for key, track in evaluation.tracks.items()
        if "majmin" in track
    }
    cases = []
    for label, key in best_and_worst(majmin):
        item = by_key[key]
        found = task.predict(model, cache.open(key), settings)
        truth: Chords = task.truth(item)
        estimate: Chords = found.ribbon
        end_s = float(max(truth.intervals.max(), estimate.intervals.max()))

        layers = {
            "truth, as tones": _layer(truth),
            "estimate, as tones": _layer(estimate),
        }
        wrong_s = _differ_s(truth, estimate, end_s)
        caption, sounds = where_wrong(item, wrong_s, end_s, layers)
        cases.append(
            Case(
                f"{label} track: {key}",
                truth=_words(truth),
                estimate=_words(estimate),
                score=f"majmin {majmin[key]:.3f}",
                caption=caption,
                figure=found.titled(key).plot(truth=truth),
                sounds=sounds,
            )
        )
    return cases


def _layer(chords: Chords) -> Segments:
    rows = zip(chords.intervals.tolist(), chords.labels, strict=True)
    segments = [Segment(start, end, label, 1.0) for (start, end), label in rows]
    return Segments("chords", segments, "chord")


def _at(chords: Chords, times_s: NDArray[np.float64]) -> list[str]:
    """The chord at each time, "N" outside of all."""
    row = np.searchsorted(chords.intervals[:, 0], times_s, side="right") - 1
    labels = []
    for time_s, k in zip(times_s, row, strict=True):
        inside = k >= 0 and time_s < chords.intervals[k, 1]
        labels.append(chords.labels[k] if inside else "N")
    return labels


def _differ_s(truth: Chords, estimate: Chords, end_s: float) -> NDArray[np.float64]:
    """The times at which estimate and truth have different chords."""
    times_s = np.arange(0.0, end_s, STEP_S)
    pairs = zip(_at(truth, times_s), _at(estimate, times_s), strict=True)
    differ = np.array([one != other for one, other in pairs], bool)
    return np.asarray(times_s[differ])


def _words(chords: Chords) -> str:
    """How many chords, and those that last longest."""
    lasts: dict[str, float] = {}
    for (start_s, end_s), label in zip(chords.intervals, chords.labels, strict=True):
        lasts[label] = lasts.get(label, 0.0) + float(end_s - start_s)
    ranked = sorted(lasts, key=lambda label: -lasts[label])
    count = "1 chord" if len(chords.labels) == 1 else f"{len(chords.labels)} chords"
    return f"{count}; longest: {', '.join(ranked[:MOST_NAMED])}"
