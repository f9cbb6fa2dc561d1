"""Recall of each class, and its mean."""

from __future__ import annotations

import numpy as np
import pytest

from mirbricks.metrics.chords import Chords
from mirbricks.tasks.chords.recall import class_seconds, macro_recall
from mirbricks.tasks.chords.vocabulary import NAMES

TRUTH = Chords(
    np.array([[1.0, 3.0], [3.0, 4.0], [4.0, 5.0], [5.0, 9.0]]),
    ["C:maj7", "A:min", "D:sus4", "N"],
)
FOUND = Chords(np.array([[0.0, 2.0], [2.0, 8.0]]), ["C:maj", "A:min"])


def test_seconds_of_each_class() -> None:
    """C sounds for 2 s, of which 1 is found; D:sus4 belongs to no class; behind the estimate is N."""
    seconds = class_seconds(TRUTH, FOUND)
    judged = dict(zip(NAMES, seconds["class_judged_s"], strict=True))
    right = dict(zip(NAMES, seconds["class_right_s"], strict=True))
    assert {name: s for name, s in judged.items() if s} == {
        "C:maj": 2.0,
        "A:min": 1.0,
        "N": 4.0,
    }
    assert {name: s for name, s in right.items() if s} == {
        "C:maj": 1.0,
        "A:min": 1.0,
        "N": 1.0,
    }
    found = macro_recall({"a": seconds})
    assert found == {"macro_recall": pytest.approx((0.5 + 1.0 + 0.25) / 3)}


def test_classes_are_pooled_over_tracks() -> None:
    half = {"class_judged_s": [2.0, 0.0], "class_right_s": [0.0, 0.0]}
    other = {"class_judged_s": [2.0, 1.0], "class_right_s": [2.0, 1.0]}
    older = {"majmin": 1.0}
    tracks = {"a": half, "b": other, "c": older}
    assert macro_recall(tracks) == {"macro_recall": 0.75}
    assert macro_recall({"c": older}) == {}
    none = {"class_judged_s": [0.0, 0.0], "class_right_s": [0.0, 0.0]}
    assert macro_recall({"d": none}) == {}
