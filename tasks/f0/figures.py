"""Figures of one voice: of a track, of all tracks, and the threshold that does best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...metrics.melody import frames_right, melody_figures, notes_right
from ..evaluation import Figures
from .annotation import Pitch
from .decoding import Heard

# Counts of a track, by which its shares weigh among all tracks.
COUNTS = {
    "frames_right": "voiced_frames",
    "loud_frames_right": "loud_frames",
    "notes_right": "notes",
}


def pitch_figures(
    truth: Pitch, times_s: NDArray[np.float64], hz: NDArray[np.float64]
) -> Figures:
    """The shares of frames and of notes that are right, where the annotation is voiced, and of how many.

    Of single notes also those of frames within 20 dB of the loudest: softer ones are attack, decay and room.
    """
    figures: Figures = {}
    right, frames = frames_right(truth.times_s, truth.hz, times_s, hz)
    if frames:
        figures |= {"frames_right": right / frames, "voiced_frames": frames}
    if truth.loud is not None:
        loud_hz = np.where(truth.loud, truth.hz, 0.0)
        right, frames = frames_right(truth.times_s, loud_hz, times_s, hz)
        if frames:
            figures |= {"loud_frames_right": right / frames, "loud_frames": frames}
    right, notes = notes_right(truth.notes, truth.times_s, truth.hz, times_s, hz)
    if notes:
        figures |= {"notes_right": right / notes, "notes": notes}
    return figures


def weighed(tracks: Mapping[str, Figures]) -> dict[str, float]:
    """Of all frames and of all notes together the shares that are right, and how many there are."""
    found = {}
    for name, count in COUNTS.items():
        own = [one for one in tracks.values() if count in one]
        if own:
            weights = [one[count] for one in own]
            values = [one[name] for one in own]
            found[name] = float(np.average(values, weights=weights))
            found[count] = float(sum(weights))
    return found


def best_threshold(
    heard: Sequence[tuple[Pitch, Heard]], thresholds: Sequence[float]
) -> float:
    """The one with the highest mean Overall Accuracy, the lowest of equals."""
    accuracy = {}
    for threshold in thresholds:
        own = []
        for truth, found in heard:
            hz = np.where(found.voicing >= threshold, found.hz, -found.hz)
            figures = melody_figures(truth.times_s, truth.hz, found.times_s, hz)
            own.append(figures["Overall Accuracy"])
        accuracy[threshold] = float(np.mean(own))
    # `max` takes the first of equals, and the thresholds ascend: the lowest wins.
    return max(thresholds, key=lambda one: accuracy[one])
