"""Pitches of keys that were struck: heard down to a part of the threshold, against the rule in a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks.multi_pitch import MultiPitchConfig
from mirbricks.tasks.multi_pitch.hearing import SETTLING_FRAMES, hear, sustained
from mirbricks.tasks.multi_pitch.notes import HOLD
from mirbricks.tasks.multi_pitch.peaks import Peaks

FEATURE = HCQTFeatureConfig(
    sr_hz=8000,
    harmonics=(1,),
    fmin_hz=110.0,
    n_octaves=2,
    bins_per_octave=12,
    hop_length=160,
)
N = 24


def peaks_of(rows: list[tuple[int, int, float]]) -> Peaks:
    """Peaks of (time, key, height), the keys counted from 110 Hz."""
    frames, bins, heights = (
        np.array(column) for column in zip(*sorted(rows), strict=True)
    )
    return Peaks(
        np.arange(N) * 0.01,
        frames.astype(np.int64),
        bins.astype(np.float64),
        heights.astype(np.float64),
    )


def heard_by_the_rule(
    peaks: Peaks, onsets: Peaks, threshold: float, settling: int
) -> list[bool]:
    height = {
        (t, key): h
        for t, key, h in zip(peaks.frames, peaks.bins, peaks.heights, strict=True)
    }
    found = []
    for t, key, h in zip(peaks.frames, peaks.bins, peaks.heights, strict=True):
        before = [
            o
            for o, other in zip(onsets.frames, onsets.bins, strict=True)
            if other == key and o <= t
        ]
        held = bool(before) and all(
            height.get((u, key), 0.0) / HOLD >= threshold
            for u in [*range(max(before) + settling, t), t]
        )
        found.append(h >= threshold or held)
    return found


@given(
    seed=st.integers(0, 10**6),
    threshold=st.sampled_from([0.3, 0.5, 0.6, 0.9]),
    settling=st.integers(0, 6),
)
def test_what_is_heard_equals_the_rule(
    seed: int, threshold: float, settling: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (t, key, float(rng.random()))
        for t in range(N)
        for key in (3, 7)
        if rng.random() < 0.8
    ]
    struck = [
        (int(t), int(rng.choice([3, 7, 9])), 1.0) for t in rng.integers(N, size=4)
    ]
    peaks, onsets = (
        peaks_of([*rows, (0, 3, 0.5)][: len(rows) or None]),
        peaks_of(struck),
    )
    found = sustained(peaks, onsets, FEATURE, settling)
    assert (found.heights >= peaks.heights).all()
    assert (found.heights >= threshold).tolist() == heard_by_the_rule(
        peaks, onsets, threshold, settling
    )
    assert np.array_equal(found.frames, peaks.frames)
    assert np.array_equal(found.bins, peaks.bins)


def test_a_tone_that_dies_away_is_heard_until_it_is_half_as_sure_and_its_echo_is_not() -> (
    None
):
    salience, begins = torch.zeros(FEATURE.n_bins, N), torch.zeros(FEATURE.n_bins, N)
    salience[5, 4:20] = torch.linspace(0.9, 0.2, 16)
    salience[9, 4:20] = 0.4  # never struck
    begins[5, 4] = 0.9
    config = MultiPitchConfig(
        onsets=True, time_upsampling=1, min_distance_bins=2, onset_threshold=0.5
    )
    heard = hear(torch.stack([salience, begins]), config, FEATURE, 0.1)
    pitches = heard.pitches.at_least(0.6)
    assert np.rint(pitches.bins).tolist() == [5] * len(pitches.bins)
    assert pitches.frames.tolist() == [
        t for t in range(4, 20) if salience[5, t] >= 0.6 * HOLD
    ]
    assert len(pitches.frames) > SETTLING_FRAMES + 8
    without = hear(
        salience[None],
        MultiPitchConfig(time_upsampling=1, min_distance_bins=2),
        FEATURE,
        0.1,
    )
    assert without.onsets is None
    assert without.pitches.at_least(0.6).frames.tolist() == [
        t for t in range(4, 20) if salience[5, t] >= 0.6
    ]


def test_no_more_pitches_at_a_time_than_the_music_has_voices() -> None:
    salience, begins = torch.zeros(FEATURE.n_bins, N), torch.zeros(FEATURE.n_bins, N)
    salience[5, 4:20] = 0.9
    salience[12, 4:20] = 0.8
    salience[12, 10:14] = 0.95
    begins[[5, 12], 4] = 0.9
    for onsets in (False, True):
        config = MultiPitchConfig(
            onsets=onsets, time_upsampling=1, min_distance_bins=2, max_polyphony=1
        )
        heard = hear(torch.stack([salience, begins]), config, FEATURE, 0.1)
        highest = [5] * 6 + [12] * 4 + [5] * 6
        for peaks in (heard.peaks, heard.pitches):
            assert peaks.frames.tolist() == list(range(4, 20))
            assert np.rint(peaks.bins).tolist() == highest


def test_no_peaks_and_no_onsets() -> None:
    silent = torch.zeros(2, FEATURE.n_bins, N)
    heard = hear(silent, MultiPitchConfig(onsets=True), FEATURE, 0.1)
    assert len(heard.pitches.frames) == 0
    silent[0, 3] = 0.5
    assert hear(
        silent, MultiPitchConfig(onsets=True), FEATURE, 0.1
    ).pitches.heights.max() == pytest.approx(0.5)
