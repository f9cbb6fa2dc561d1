"""Annotations on the feature's grid and at their own times, against loops over frames and notes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mirbricks.data.corpus import Item
from mirbricks.data.pyjama.file import Atom, Entry
from mirbricks.errors import TaskError
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig
from mirbricks.tasks.multi_pitch.annotation import own_pitches, pitches_at_frames
from mirbricks.tasks.multi_pitch.targets import bins_of, draw

FEATURE = HCQTFeatureConfig(
    harmonics=(1,), fmin_hz=110, n_octaves=2, bins_per_octave=24, hop_length=512
)
fixtures_are_stateless = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

MIDI = st.one_of(st.just(0.0), st.floats(30.0, 80.0))


def target_of(item: Item, n_frames: int, blur_bins: float) -> NDArray[np.float32]:
    pitches = pitches_at_frames(item, n_frames, FEATURE.hop_s)
    target = np.zeros((FEATURE.n_bins, n_frames), np.float32)
    draw(target, bins_of(pitches.midi, FEATURE), pitches.frames, blur_bins)
    return target


def naive_target(sounding: list[list[float]], blur_bins: float) -> NDArray[np.float32]:
    """`sounding` holds the MIDI numbers of each frame."""
    target = np.zeros((FEATURE.n_bins, len(sounding)), np.float32)
    for t, pitches in enumerate(sounding):
        for midi in pitches:
            f = FEATURE.bins_per_octave * math.log2(
                440 * 2 ** ((midi - 69) / 12) / FEATURE.fmin_hz
            )
            if not 0 <= math.floor(f + 0.5) < FEATURE.n_bins:
                continue
            for k in range(FEATURE.n_bins):
                if blur_bins == 0 and k == math.floor(f + 0.5):
                    target[k, t] = 1
                elif blur_bins > 0 and abs(k - f) <= 2.5 * blur_bins:
                    target[k, t] = max(
                        target[k, t], math.exp(-((k - f) ** 2) / (2 * blur_bins**2))
                    )
    return target


@fixtures_are_stateless
@given(
    st.lists(st.tuples(MIDI, MIDI), min_size=1, max_size=30),
    st.floats(0.0, 0.1),
    st.sampled_from([0.01, 0.017, 0.06]),
    st.sampled_from([0.0, 1.0, 1.5]),
)
def test_curves_to_targets(
    make_item: Callable[..., Item],
    curve: list[tuple[float, float]],
    first_s: float,
    step_s: float,
    blur: float,
) -> None:
    times = first_s + step_s * np.arange(len(curve))
    item = make_item(f0multi=(np.array(curve).T, times))
    reach_s = max(step_s if len(curve) > 1 else 0.0, FEATURE.hop_s) / 2
    sounding: list[list[float]] = []
    for t in range(24):
        distances = np.abs(times - t * FEATURE.hop_s)
        near = int(np.argmin(distances))
        sounding.append(
            [m for m in curve[near] if m > 0]
            if distances[near] <= reach_s + 1e-9
            else []
        )
    np.testing.assert_allclose(
        target_of(item, 24, blur), naive_target(sounding, blur), atol=1e-6
    )


NOTE = st.tuples(st.integers(30, 80), st.floats(0.0, 0.5), st.floats(0.0, 0.3))


@fixtures_are_stateless
@given(st.lists(NOTE, min_size=1, max_size=12), st.sampled_from([0.0, 1.0]))
def test_notes_to_targets_and_truth(
    make_item: Callable[..., Item], notes: list[tuple[int, float, float]], blur: float
) -> None:
    item = make_item(duration_s=0.8, pitchmidi=notes)

    def sounding(time_s: float) -> list[float]:
        return sorted(
            {
                float(midi)
                for midi, onset, duration in notes
                if onset <= time_s < onset + duration
            }
        )

    expected = naive_target([sounding(t * FEATURE.hop_s) for t in range(20)], blur)
    np.testing.assert_allclose(target_of(item, 20, blur), expected, atol=1e-6)
    own = own_pitches(item)
    np.testing.assert_allclose(own.times_s, np.arange(80) / 100, atol=1e-12)
    hz = [
        [440 * 2 ** ((midi - 69) / 12) for midi in sounding(time_s)]
        for time_s in own.times_s
    ]
    assert [frame.tolist() for frame in own.hz_of_each()] == [
        pytest.approx(frame) for frame in hz
    ]


def test_truth_of_curves_is_at_their_own_times(make_item: Callable[..., Item]) -> None:
    item = make_item(
        f0multi=([[0, 69, 57, 0], [0, 57, 57, 81]], [0.023, 0.033, 0.043, 0.053])
    )
    own = own_pitches(item)
    assert own.times_s.tolist() == [0.023, 0.033, 0.043, 0.053]
    assert [frame.tolist() for frame in own.hz_of_each()] == [
        [],
        [220.0, 440.0],
        [220.0, 220.0],
        [880.0],
    ]


def test_a_gap_of_the_annotation_is_silence(make_item: Callable[..., Item]) -> None:
    times = [0.0, 0.01, 0.02, 0.5, 0.51]
    pitches = pitches_at_frames(
        make_item(f0=([69, 69, 69, 69, 69], times)), 30, FEATURE.hop_s
    )
    assert pitches.frames.tolist() == [0, 1, 22]


def test_out_of_range_is_dropped_not_clamped(make_item: Callable[..., Item]) -> None:
    lowest = 69 + 12 * math.log2(110 / 440)
    outside = [
        lowest - 0.26,
        lowest - 12,
        lowest + 24 - 0.24,
        100,
    ]  # a bin is half a semitone
    item = make_item(f0multi=(np.array([outside]).T, [0.0]))
    assert not target_of(item, 1, 1.0).any()
    inside = make_item(f0multi=([[lowest - 0.24], [lowest + 24 - 0.26]], [0.0]))
    assert target_of(inside, 1, 0.0)[:, 0].nonzero()[0].tolist() == [0, 47]


@pytest.mark.parametrize(
    ("annotations", "shown", "name"),
    [
        ({"f0": ([69.0, 440.0], [0.0, 0.01])}, "440.0", "f0"),
        ({"f0multi": ([[69.0], [-1.0]], [0.0])}, "-1.0", "f0multi"),
        ({"pitchmidi": [("C4", 0.0, 1.0)]}, "'C4'", "pitchmidi"),
        ({"pitchmidi": [(128, 0.0, 1.0)]}, "128", "pitchmidi"),
    ],
)
def test_what_is_no_midi_number(
    make_item: Callable[..., Item], annotations: dict, shown: str, name: str
) -> None:
    for read in (own_pitches, lambda item: pitches_at_frames(item, 4, 0.02)):
        with pytest.raises(TaskError) as caught:
            read(make_item(**annotations))
        assert str(caught.value) == (
            f"annotation '{name}' of 'a.wav' holds {shown}, which is not a MIDI number\n"
            "  expected  0 (nothing sounds) … 127, such as 69 for 440 Hz\n"
            "  help: write pitches as MIDI numbers: 69 + 12 log2(f / 440 Hz)     [E504]"
        )


@pytest.mark.parametrize(
    ("name", "atom", "expected", "got"),
    [
        ("f0multi", Atom(60, 0.0, 1.0), "breakpoint, numeric", "segment, numeric"),
        ("f0multi", Atom([["A4"]], [0.0]), "breakpoint, numeric", "breakpoint, text"),
        ("f0", Atom(60), "breakpoint, numeric", "global, numeric"),
        ("pitchmidi", Atom([60], [0.0]), "segment, numeric", "breakpoint, numeric"),
        ("pitchmidi", Atom(60, 0.0), "segment, numeric", "event, numeric"),
        ("pitchmidi", Atom("C4", 0.0, 1.0), "segment, numeric", "segment, text"),
    ],
)
def test_annotations_in_another_form(
    make_item: Callable[..., Item], name: str, atom: Atom, expected: str, got: str
) -> None:
    item = replace(
        make_item(), entry=Entry({"filepath": (Atom("a.wav"),), name: (atom,)})
    )
    with pytest.raises(TaskError) as caught:
        MultiPitch(MultiPitchConfig(), FEATURE).tracks([item])
    assert str(caught.value) == (
        f"annotation '{name}' of 'a.wav' has another form than multi_pitch reads\n"
        f"  expected  {expected}\n  got       {got}\n"
        "  help: write it in this form, or give it and its definition in the .pyjama another name     [E505]"
    )


def test_a_curve_of_one_point_holds_for_half_a_hop(
    make_item: Callable[..., Item],
) -> None:
    item = make_item(f0=([69.0], [0.05]))
    found = pitches_at_frames(item, 10, 0.01)
    assert found.frames.tolist() == [5]
    assert found.midi.tolist() == [69.0]


@pytest.mark.parametrize(
    ("midi", "fine"), [(0, True), (127, True), (127.5, False), (-1, False)]
)
def test_the_ends_of_the_midi_numbers(
    make_item: Callable[..., Item], midi: float, fine: bool
) -> None:
    notes = make_item(pitchmidi=[(midi, 0.0, 0.5), (60, 0.5, 0.5)])
    curve = make_item(f0=([midi, 60.0], [0.0, 0.1]))
    for item in (notes, curve):
        if fine:
            assert own_pitches(item).midi.max() == max(midi, 60)
        else:
            with pytest.raises(TaskError, match="MIDI number"):
                own_pitches(item)
