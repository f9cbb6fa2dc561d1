"""Recall of each of the 25 classes: how much of the time of a class is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...metrics.chords import Chords, together
from .vocabulary import N_CLASSES, class_of

RIGHT = "class_right_s"
JUDGED = "class_judged_s"
MACRO_RECALL = "macro_recall"


def class_seconds(reference: Chords, estimate: Chords) -> dict[str, list[float]]:
    """What one track adds: for each class the time it sounds, and how much of that is found."""
    judged_s = np.zeros(N_CLASSES)
    right_s = np.zeros(N_CLASSES)
    for duration_s, true, found in zip(*together(reference, estimate), strict=True):
        own = class_of(true)
        # IGNORED is negative: what is neither major nor minor belongs to no class.
        if own >= 0:
            judged_s[own] += duration_s
            right_s[own] += duration_s * (class_of(found) == own)
    return {RIGHT: right_s.tolist(), JUDGED: judged_s.tolist()}


def macro_recall(tracks: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The mean of the recalls of all classes that occur in the tracks: a rare chord counts as much as a common one.

    {} where nothing has been counted, as in older runs, or no class occurs.
    """
    counted = [track for track in tracks.values() if JUDGED in track]
    if not counted:
        return {}

    # Seconds are added over the tracks before the division: a track in which a class
    # sounds for a moment must not weigh as much as one full of it.
    judged_s = np.sum([track[JUDGED] for track in counted], axis=0)
    right_s = np.sum([track[RIGHT] for track in counted], axis=0)
    there = judged_s > 0
    if not there.any():
        return {}
    return {MACRO_RECALL: float(np.mean(right_s[there] / judged_s[there]))}
