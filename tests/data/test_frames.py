"""Annotations on frames, against a loop over frames and segments with exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.frames import (
    EXACT,
    breakpoints_to_frames,
    frame_times,
    markers_to_frames,
    notes_to_roll,
    segments_to_classes,
)

HOPS = [(1, 10), (1, 100), (512, 22050), (1024, 44100), (1, 3), (7, 1000)]


@st.composite
def annotations(
    draw: st.DrawFn,
) -> tuple[Fraction, int, Fraction, list[tuple[Fraction, Fraction, int]]]:
    """hop, n_frames, first and segments (onset, duration, class), many of their boundaries on a frame."""
    hop = Fraction(*draw(st.sampled_from(HOPS)))
    first = draw(st.integers(0, 5)) * hop
    boundary = st.one_of(
        st.integers(-5, 60).map(lambda n: n * hop),
        st.integers(0, 500).map(lambda n: n * hop / 7),
    )
    length = st.one_of(
        st.integers(0, 30).map(lambda n: n * hop),
        st.integers(0, 200).map(lambda n: n * hop / 9),
    )
    segments = draw(
        st.lists(st.tuples(boundary, length, st.integers(0, 6)), max_size=8)
    )
    return hop, draw(st.integers(1, 50)), first, segments


def columns(
    segments: list[tuple[Fraction, Fraction, int]],
) -> tuple[list[float], list[float], list[int]]:
    return (
        [float(o) for o, _, _ in segments],
        [float(d) for _, d, _ in segments],
        [c for _, _, c in segments],
    )


@given(annotations())
def test_segments_are_exact_at_their_boundaries(case: tuple) -> None:  # type: ignore[type-arg]
    hop, n_frames, first, segments = case
    wanted = [-1] * n_frames
    for t in range(n_frames):
        for onset, duration, kind in segments:
            if onset <= first + t * hop < onset + duration:
                wanted[t] = kind
    found = segments_to_classes(
        *columns(segments), n_frames, float(hop), first_s=float(first)
    )
    assert found.tolist() == wanted
    assert found.dtype == np.int64


@given(annotations(), st.booleans())
def test_rolls(case: tuple, valued: bool) -> None:  # type: ignore[type-arg]
    hop, n_frames, first, notes = case
    wanted = np.zeros((n_frames, 5), np.float32)
    heights = [0.5 + 0.1 * (i % 3) for i in range(len(notes))]
    for t in range(n_frames):
        for height, (onset, duration, row) in zip(heights, notes, strict=True):
            if onset <= first + t * hop < onset + duration and row < 5:
                wanted[t, row] = max(wanted[t, row], height if valued else 1.0)
    onsets, durations, rows = columns(notes)
    values = heights if valued else None
    found = notes_to_roll(
        onsets,
        durations,
        rows,
        5,
        n_frames,
        float(hop),
        first_s=float(first),
        values=values,
    )
    np.testing.assert_array_equal(found, wanted.astype(np.float32))


def test_decimal_times_fall_into_the_frame_that_is_meant() -> None:
    assert 0.1 * 3 != 0.3
    onsets, durations = [0.1 * i for i in range(10)], [0.1] * 10
    assert segments_to_classes(onsets, durations, range(10), 10, 0.1).tolist() == list(
        range(10)
    )
    assert segments_to_classes([0.3], [0.4], [1], 10, 0.1, fill=0).tolist() == [
        0,
        0,
        0,
        1,
        1,
        1,
        1,
        0,
        0,
        0,
    ]


def test_the_later_segment_of_the_list_wins_and_rows_below_zero_are_dropped() -> None:
    assert segments_to_classes([0, 2, 1], [9, 3, 2], [1, 2, 3], 10, 1.0).tolist() == [
        1,
        3,
        3,
        2,
        2,
        1,
        1,
        1,
        1,
        -1,
    ]
    assert notes_to_roll([0, 0], [1, 1], [-1, 1], 2, 1, 1.0).tolist() == [[0.0, 1.0]]


def test_nothing_is_annotated() -> None:
    assert segments_to_classes([], [], [], 3, 0.1).tolist() == [-1, -1, -1]
    assert notes_to_roll([], [], [], 2, 3, 0.1).shape == (3, 2)
    assert markers_to_frames([], 3, 0.1).tolist() == [0, 0, 0]
    assert np.isnan(breakpoints_to_frames(np.zeros((2, 0)), [], 3, 0.1)).all()


@given(st.lists(st.integers(-30, 330), max_size=20))
def test_markers_go_to_the_nearest_frame(sixths: list[int]) -> None:
    wanted = [0] * 50
    for one in sixths:
        nearest = (Fraction(one, 6) + Fraction(1, 2)).__floor__()
        if 0 <= nearest < 50:
            wanted[nearest] += 1
    times = [float(Fraction(one, 6) * Fraction(512, 22050)) for one in sixths]
    assert markers_to_frames(times, 50, 512 / 22050).tolist() == wanted


@given(
    st.lists(st.integers(0, 200), unique=True, min_size=1, max_size=20),
    st.integers(0, 20),
)
def test_curves_take_the_nearest_value_within_reach(
    ticks: list[int], reach: int
) -> None:
    """Times are whole ticks of 1 ms, frames every 4 ms."""
    ticks = sorted(ticks)
    wanted = []
    for t in range(60):
        near = min(ticks, key=lambda tick: (abs(tick - 4 * t), tick))
        wanted.append(float(near) if abs(near - 4 * t) <= reach else -1.0)
    curves = [ticks, [2 * tick for tick in ticks]]
    times = [tick / 1000 for tick in ticks]
    found = breakpoints_to_frames(
        curves, times, 60, 0.004, reach_s=reach / 1000, fill=-1.0
    )
    assert found[0].tolist() == wanted
    assert found[1].tolist() == [2 * value if value >= 0 else -1.0 for value in wanted]


def test_a_gap_of_a_curve_stays_one() -> None:
    times = np.array([0.0, 0.01, 0.02, 0.30, 0.31])
    found = breakpoints_to_frames([1.0, 2.0, 3.0, 4.0, 5.0], times, 34, 0.01, fill=0.0)[
        0
    ]
    assert found.tolist() == [1, 2, 3] + [0] * 27 + [4, 5] + [0] * 2
    assert breakpoints_to_frames([7.0], [0.5], 3, 0.5, fill=0.0)[0].tolist() == [
        0,
        7,
        0,
    ]


def test_values_and_times_must_agree() -> None:
    with pytest.raises(ValueError, match="values of 2 times, but 3 times"):
        breakpoints_to_frames([[1.0, 2.0]], [0.0, 1.0, 2.0], 3, 0.1)


def test_frame_times_begin_at_the_first() -> None:
    np.testing.assert_allclose(frame_times(3, 0.01, 0.023), [0.023, 0.033, 0.043])


@pytest.mark.parametrize(
    ("step_s", "reached"),
    [
        (0.04, [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 0, 0]),  # half the step of the curve
        (0.004, [1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),  # half the hop is longer
    ],
)
def test_how_far_a_value_holds(step_s: float, reached: list[int]) -> None:
    times = [0.0, step_s, 2 * step_s]
    found = breakpoints_to_frames([1.0, 2.0, 3.0], times, 13, 0.01, fill=0.0)
    assert found[0].tolist() == reached


@pytest.mark.parametrize("off", [-0.5, 0.0, 0.5])
def test_half_a_millionth_of_the_hop_is_on_the_frame(off: float) -> None:
    onset_s = 0.3 + off * EXACT * 0.1
    assert segments_to_classes([onset_s], [0.2], [1], 7, 0.1, fill=0).tolist() == [
        0,
        0,
        0,
        1,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(("off", "first"), [(-2.0, 3), (2.0, 4)])
def test_two_millionths_of_the_hop_are_not(off: float, first: int) -> None:
    onset_s = 0.3 + off * EXACT * 0.1
    found = segments_to_classes([onset_s], [1.0], [1], 7, 0.1, fill=0)
    assert int(found.argmax()) == first


def test_a_segment_longer_than_the_frames_holds_all_of_them() -> None:
    assert segments_to_classes([-1.0], [9.0], [3], 4, 0.5).tolist() == [3, 3, 3, 3]
    assert segments_to_classes([-1.0], [1.0], [3], 2, 0.5).tolist() == [-1, -1]
    assert segments_to_classes([2.0], [1.0], [3], 4, 0.5).tolist() == [-1, -1, -1, -1]


def test_frames_begin_at_zero_unless_they_are_said_to_begin_later() -> None:
    assert frame_times(3, 0.5).tolist() == [0.0, 0.5, 1.0]
    assert markers_to_frames([0.6, 0.81], 4, 0.1, first_s=0.5).tolist() == [0, 1, 0, 1]


def test_how_far_the_values_of_a_curve_of_two_points_hold() -> None:
    found = breakpoints_to_frames([1.0, 2.0], [0.0, 0.06], 11, 0.01, fill=0.0)
    assert found[0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0]


def test_what_is_nearly_the_border_is_beyond_it() -> None:
    """The slack is a millionth of the hop: half a hundredth of it counts."""
    reach = breakpoints_to_frames([7.0], [0.0], 2, 0.01, reach_s=0.00995, fill=0.0)
    assert reach[0].tolist() == [7.0, 0.0]
    border = breakpoints_to_frames([1.0, 2.0], [0.0, 0.0199], 2, 0.01, reach_s=1.0)
    assert border[0].tolist() == [1.0, 2.0]
