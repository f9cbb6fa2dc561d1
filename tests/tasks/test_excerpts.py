"""What a report plays: ten seconds of a recording, with truth and estimate over the same seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.outputs.layers import Curve, NoteEvent, Notes, Segment, Segments
from mirbricks.tasks.excerpts import EXCERPT_HZ, cropped, densest, length_from, sounded


@given(
    st.lists(st.floats(0, 100), max_size=20),
    st.floats(0.1, 100),
)
def test_the_stretch_lies_within_the_recording(
    times_s: list[float], duration_s: float
) -> None:
    start_s = densest(np.array(times_s), duration_s)
    length_s = length_from(start_s, duration_s)
    assert 0.0 <= start_s <= duration_s
    assert start_s + length_s <= duration_s + 1e-9
    assert length_s == pytest.approx(min(10.0, duration_s))


def test_the_stretch_is_where_most_is_wrong() -> None:
    times_s = np.array([1.0, 2.0, 41.0, 42.0, 43.0, 44.0])
    assert 34.0 <= densest(times_s, 60.0) <= 41.0


def test_layers_are_cut_at_both_ends() -> None:
    notes = Notes("n", [NoteEvent(0, 2, 60, 1), NoteEvent(3, 9, 62, 0.5)])
    cut = cropped(notes, 1.0, 5.0)
    assert isinstance(cut, Notes)
    assert [(n.onset_s, n.duration_s, n.midi) for n in cut.notes] == [
        (0, 1, 60),
        (2, 2, 62),
    ]
    segments = Segments("c", [Segment(0, 4, "C:maj", 1), Segment(4, 9, "N", 1)])
    part = cropped(segments, 5.0, 6.0)
    assert isinstance(part, Segments)
    assert [tuple(s) for s in part.segments] == [(0.0, 1.0, "N", 1)]
    times_s = np.arange(10) * 1.0
    curve = Curve("f0", times_s, [np.array([100.0 + k]) for k in range(10)])
    inside = cropped(curve, 3.0, 5.0)
    assert isinstance(inside, Curve)
    np.testing.assert_array_equal(inside.times_s, [0.0, 1.0])
    assert [hz.tolist() for hz in inside.hz] == [[103.0], [104.0]]


@pytest.mark.parametrize(
    "labels", [["C:maj", "N"], ["X", "A:min7/b3"], ["G:sus4(b7)", "F:maj"]]
)
def test_chords_are_heard_where_they_are(labels: list[str]) -> None:
    spans = [(0.0, 1.0), (1.0, 2.0)]
    rows = [
        Segment(*span, label, 1.0) for span, label in zip(spans, labels, strict=True)
    ]
    sound = sounded(Segments("c", rows, "chord"), 0.0, 2.0, "truth")
    assert sound.samples.shape == (1, 2 * EXCERPT_HZ)
    # At their ends mir_eval's chords fade.
    middles = sound.samples[0].reshape(2, -1)[:, EXCERPT_HZ // 4 : -EXCERPT_HZ // 4]
    loud = np.abs(middles).max(axis=1) > 0.01
    assert loud.tolist() == [label not in ("N", "X") for label in labels]
