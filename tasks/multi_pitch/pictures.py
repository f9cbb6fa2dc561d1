"""What the report of a multi-pitch run shows: the best track and the worst ones, to look at and to hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...midi_numbers import midi_of
from ...outputs.layers import Curve
from ...plots.pitch import mistakes_s, note_name
from ..base import Case, Evaluation, Task
from ..evaluation import best_and_worst
from ..excerpts import where_wrong

Frames = tuple[NDArray[np.float64], Sequence[NDArray[np.float64]]]
SCORES = ("Accuracy", "Precision", "Recall")


def pictures_of(
    task: Task,
    model: nn.Module,
    items: Sequence[Item],
    cache: FeatureCache,
    settings: Mapping[str, Any],
    evaluation: Evaluation,
    scores: Sequence[str] = SCORES,
) -> list[Case]:
    """A piano roll of each, with the recording, its truth and the estimate as sound; the first score ranks them."""
    by_key = {item.key: item for item in items}
    ranking = {key: own[scores[0]] for key, own in evaluation.tracks.items()}
    cases = []
    for label, key in best_and_worst(ranking):
        item = by_key[key]
        found = task.predict(model, cache.open(key), settings)
        truth: Frames = task.truth(item)
        estimate: Frames = (found.times_s, found.frequencies_hz)

        layers = {
            "truth, as sines": _curve(truth),
            "estimate, as sines": _curve(estimate),
        }
        wrong_s = mistakes_s(estimate, truth)
        caption, sounds = where_wrong(item, wrong_s, item.duration_s, layers)
        cases.append(
            Case(
                f"{label} track: {key}",
                truth=_words(truth),
                estimate=_words(estimate),
                score=_scores(evaluation.tracks[key], scores),
                caption=caption,
                figure=found.titled(key).plot(truth=truth),
                sounds=sounds,
            )
        )
    return cases


def _curve(frames: Frames) -> Curve:
    times_s, frequencies_hz = frames
    return Curve("f0", np.asarray(times_s, np.float64), list(frequencies_hz))


def _scores(figures: Mapping[str, Any], scores: Sequence[str]) -> str:
    return ", ".join(
        f"{name} {figures[name]:.3f}" for name in scores if name in figures
    )


def _words(frames: Frames) -> str:
    """How many pitches there are at a time, and in which range."""
    counts = [len(pitches) for pitches in frames[1]]
    pitches_hz = np.concatenate([*frames[1], np.empty(0)])
    if not len(pitches_hz):
        return "no pitch"
    midi = np.rint(midi_of(pitches_hz)).astype(int)
    low, high = note_name(int(midi.min())), note_name(int(midi.max()))
    mean = float(np.mean(counts))
    return f"{mean:.1f} pitches at a time on average, from {low} to {high}"
