"""Labels as classes: mir_eval's reduction, for every quality and root."""

from __future__ import annotations

import mir_eval.chord
import numpy as np
import pytest

from mirbricks.tasks.chords.vocabulary import (
    IGNORED,
    NAMES,
    NO_CHORD,
    class_of,
    classes_of,
    transposed_classes,
)

QUALITIES = [quality for quality in mir_eval.chord.QUALITIES if quality]


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_class_is_what_majmin_compares(quality: str) -> None:
    for root in ("C", "F#", "Bb", "Cb"):
        label = f"{root}:{quality}"
        judged = mir_eval.chord.majmin([label] * 25, list(NAMES))
        found = class_of(label)
        if (judged < 0).all():
            assert found == IGNORED
        else:
            assert np.flatnonzero(judged > 0).tolist() == [found]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("N", "N"),
        ("N:-", "N"),
        ("", "N"),
        ("C", "C:maj"),
        ("D:min7/b3", "D:min"),
        ("Eb:7/3", "D#:maj"),
        ("A#:maj", "A#:maj"),
    ],
)
def test_some_labels(label: str, name: str) -> None:
    assert NAMES[class_of(label)] == name


@pytest.mark.parametrize("label", ["X", "C:sus4", "B:dim", "G:5", "A:aug"])
def test_what_is_ignored(label: str) -> None:
    assert class_of(label) == IGNORED


def test_what_is_no_chord_label() -> None:
    with pytest.raises(ValueError, match="H:maj"):
        class_of("H:maj")


def test_transposition_is_that_of_the_roots() -> None:
    classes = classes_of(["C:maj", "B:min", "N", "X", "A:min7"])
    assert [NAMES[c] if c >= 0 else "X" for c in transposed_classes(classes, 3)] == [
        "D#:maj",
        "D:min",
        "N",
        "X",
        "C:min",
    ]
    np.testing.assert_array_equal(
        transposed_classes(transposed_classes(classes, 5), -5), classes
    )
    assert transposed_classes(classes, 12).tolist() == classes.tolist()
    assert NO_CHORD == 24
