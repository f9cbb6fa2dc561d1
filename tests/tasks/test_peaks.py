"""Peaks against loops, notes, salience of whole recordings from patches, the threshold against mir_eval."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from pydantic import ValidationError
from torch import Tensor, nn

from mirbricks.features.hcqt import HCQTFeatureConfig, to_scale
from mirbricks.metrics.multi_pitch import multi_pitch_figures
from mirbricks.tasks.multi_pitch import MultiPitchConfig
from mirbricks.tasks.multi_pitch import peaks as module
from mirbricks.tasks.multi_pitch.annotation import Pitches
from mirbricks.tasks.multi_pitch.notes import find_notes
from mirbricks.tasks.multi_pitch.peaks import Peaks, find_peaks, probabilities_of
from mirbricks.tasks.multi_pitch.threshold import Trial, best_threshold
from mirbricks.tasks.reading import InMemory

FEATURE = HCQTFeatureConfig(
    harmonics=(1,), fmin_hz=110, n_octaves=2, bins_per_octave=60
)
HOP_S = FEATURE.hop_s


def naive_peaks(
    salience: np.ndarray, least: float, distance: int, up: int
) -> list[tuple[int, int, float]]:
    """(time, bin, height) of each peak, by loops."""
    found = []
    n_bins, n_frames = salience.shape
    for t in range((n_frames - 1) * up + 1):
        before, part = divmod(t, up)
        after = min(before + 1, n_frames - 1)
        column = salience[:, before] + (
            salience[:, after] - salience[:, before]
        ) * np.float32(part / up)
        for k in range(n_bins):
            lower, higher = (
                column[max(k - distance, 0) : k],
                column[k + 1 : k + 1 + distance],
            )
            if (
                column[k] >= least
                and all(column[k] > lower)
                and all(column[k] >= higher)
            ):
                found.append((t, k, float(column[k])))
    return found


COARSE = st.integers(0, 64).map(
    lambda n: n / 64
)  # equal neighbours are common, and interpolation is exact


@settings(deadline=None)
@given(
    st_numpy.arrays(
        np.float32, st.tuples(st.integers(4, 20), st.integers(1, 9)), elements=COARSE
    ),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 4, 1024]),
)
def test_peaks_equal_a_loop(
    salience: np.ndarray, distance: int, up: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_FRAMES", block)
        peaks = find_peaks(
            torch.from_numpy(salience),
            0.02,
            least=0.25,
            min_distance_bins=distance,
            upsampling=up,
        )
    expected = naive_peaks(salience, 0.25, distance, up)
    assert peaks.frames.tolist() == [t for t, _, _ in expected]
    assert np.all(np.abs(peaks.bins - [k for _, k, _ in expected]) <= 0.5)
    assert peaks.heights.tolist() == [height for _, _, height in expected]
    np.testing.assert_allclose(
        peaks.times_s, np.arange((salience.shape[1] - 1) * up + 1) * 0.02 / up
    )


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), COARSE), max_size=30),
    st.integers(1, 4),
)
def test_the_most_salient_peaks_equal_a_loop(
    drawn: list[tuple[int, int, float]], n: int
) -> None:
    rows = sorted({(t, bin_): height for t, bin_, height in drawn}.items())
    frames = np.array([t for (t, _), _ in rows], np.int64)
    bins = np.array([bin_ for (_, bin_), _ in rows], np.float64)
    heights = np.array([height for _, height in rows], np.float64)
    peaks = Peaks(np.arange(6) * HOP_S, frames, bins, heights)
    expected = []
    for t in range(6):
        of_time = [(-height, bin_) for (at, bin_), height in rows if at == t]
        highest = sorted(of_time)[:n]
        expected += [
            (t, bin_, -low) for low, bin_ in sorted(highest, key=lambda p: p[1])
        ]
    found = peaks.at_most(n)
    assert [*zip(found.frames, found.bins, found.heights, strict=True)] == expected
    assert peaks.at_most(None) is peaks


@pytest.mark.parametrize("centre", [10.0, 10.3, 10.49, 30.75])
def test_the_peak_of_a_gaussian_is_found_exactly(centre: float) -> None:
    salience = 0.9 * torch.exp(-0.5 * (torch.arange(120.0) - centre) ** 2)[:, None]
    peaks = find_peaks(salience, HOP_S, least=0.3, min_distance_bins=3, upsampling=4)
    assert peaks.bins.tolist() == pytest.approx([centre], abs=1e-5)
    assert peaks.hz(FEATURE).tolist() == pytest.approx([110 * 2 ** (centre / 60)])


def test_frequencies_of_each_time() -> None:
    salience = torch.zeros(120, 3)
    salience[[60, 0, 119], [0, 2, 2]] = 0.8
    peaks = find_peaks(salience, HOP_S, least=0.5, min_distance_bins=3, upsampling=1)
    found = [frame.tolist() for frame in peaks.hz_of_each(FEATURE)]
    assert found == [
        pytest.approx([220.0]),
        [],
        pytest.approx([110.0, 440.0 * 2 ** (-1 / 60)]),
    ]
    nothing = find_peaks(salience, HOP_S, least=0.9, min_distance_bins=3, upsampling=1)
    assert [len(frame) for frame in nothing.hz_of_each(FEATURE)] == [0, 0, 0]


def peaks_of(
    rows: dict[int, tuple[float, float]], n: int, step_s: float = 0.01
) -> Peaks:
    """Peaks from {time: (midi, height)}."""
    times = np.array(sorted(rows))
    midi, heights = (
        np.array([rows[t] for t in times]).T if len(times) else np.zeros((2, 0))
    )
    bins = 60 * np.log2(440 * 2 ** ((midi - 69) / 12) / 110)
    return Peaks(np.arange(n) * step_s, times, bins, heights)


def test_notes_by_hysteresis() -> None:
    rows = dict.fromkeys(range(10, 13), (60.1, 0.3))  # quiet, but part of what follows
    rows |= dict.fromkeys(range(13, 30), (60.1, 0.8))
    rows |= dict.fromkeys(range(32, 40), (60.1, 0.6))  # after a gap of 20 ms
    rows |= dict.fromkeys(
        range(46, 60), (60.1, 0.6)
    )  # after one of 60 ms: a note of its own
    rows |= dict.fromkeys(range(60, 80), (67.1, 0.4))  # never reaches the threshold
    rows |= dict.fromkeys(range(90, 93), (64.1, 0.9))  # too short
    first, second = find_notes(
        peaks_of(rows, 100), FEATURE, threshold=0.5, min_note_s=0.06
    )
    assert (first.onset_s, first.duration_s) == (
        pytest.approx(0.10),
        pytest.approx(0.30),
    )
    assert first.midi == pytest.approx(60.1)
    assert first.salience == pytest.approx((3 * 0.3 + 17 * 0.8 + 8 * 0.6) / 28)
    assert (second.onset_s, second.duration_s) == (
        pytest.approx(0.46),
        pytest.approx(0.14),
    )


def test_notes_half_way_between_two_keys_stay_whole() -> None:
    rows = {t: (60.5 + 0.05 * math.sin(t), 0.8) for t in range(100)}
    (note,) = find_notes(peaks_of(rows, 100), FEATURE, threshold=0.5, min_note_s=0.06)
    assert note.duration_s == pytest.approx(1.0)
    assert note.midi == pytest.approx(60.5, abs=0.01)
    assert find_notes(peaks_of({}, 3), FEATURE, threshold=0.5, min_note_s=0.06) == ()


class Louder(nn.Module):
    """Logits from the magnitude of a harmonic; sees nothing of its surroundings."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 1)
        nn.init.constant_(self.conv.weight, 4.0)
        nn.init.constant_(self.conv.bias, -5.0)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(tuple(x.shape))
        return self.conv(x)


@pytest.mark.parametrize("patch_frames", [8, 32, 100, 512])
@torch.inference_mode()
def test_salience_of_patches_is_that_of_the_whole(
    tones: Any, small: HCQTFeatureConfig, patch_frames: int
) -> None:
    model, feature = Louder(), tones.cache.open("0.wav")
    whole = model(to_scale(feature.magnitude(), "db", feature.peak)[None])[
        0, 0
    ].sigmoid()
    model.seen.clear()
    found = probabilities_of(model, feature, small, patch_frames)[0]
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)
    assert {(shape[0] <= 4, *shape[1:]) for shape in model.seen} == {
        (True, 2, 108, patch_frames)
    }
    assert (len(model.seen) > 1) == (patch_frames < 40)
    from_tensor = probabilities_of(model, feature.read(), small, patch_frames)[0]
    torch.testing.assert_close(
        from_tensor, whole, rtol=0, atol=1e-3
    )  # the peak was not rounded to float16


def test_salience_of_one_frame(small: HCQTFeatureConfig) -> None:
    feature = torch.ones(2, 108, 1, dtype=torch.complex64)
    with torch.inference_mode():
        assert probabilities_of(Louder(), feature, small, 16).shape == (1, 108, 1)


def test_trials_count_as_mir_eval_evaluates() -> None:
    rng = np.random.default_rng(0)
    truth_times = 0.023 + 0.01 * np.arange(150)
    frames = np.sort(rng.integers(0, 150, 400))
    midi = rng.uniform(46, 70, 400)
    order = np.lexsort((midi, frames))
    truth = Pitches(truth_times, frames, midi[order])
    salience = torch.from_numpy(rng.random((120, 50), np.float32))
    peaks = find_peaks(salience, HOP_S, least=0.1, min_distance_bins=3, upsampling=4)
    trial = Trial.of(truth, peaks, FEATURE)
    for threshold in (0.1, 0.5, 0.9, 0.999):
        found = peaks.at_least(threshold).hz_of_each(FEATURE)
        expected = multi_pitch_figures(
            truth_times, truth.hz_of_each(), peaks.times_s, found
        )
        counts = trial.counts(threshold)
        assert counts.accuracy == pytest.approx(expected["Accuracy"], abs=1e-12)
        assert counts.precision == pytest.approx(expected["Precision"], abs=1e-12)
        assert counts.recall == pytest.approx(expected["Recall"], abs=1e-12)


def test_the_best_threshold_is_the_best() -> None:
    def trial(midi: list[float], heights: list[float]) -> Trial:
        return Trial(np.array([[60.0, 64.0]]), np.array([midi]), np.array([heights]))

    trials = [
        trial([60.0, 64.0, 70.0], [0.9, 0.5, 0.4]),
        trial([60.0, 64.0, 71.0], [0.9, 0.8, 0.3]),
    ]
    best, figures = best_threshold(trials, (0.2, 0.35, 0.45, 0.5, 0.7))
    assert best == 0.45
    assert figures == {"Accuracy": 1.0, "Precision": 1.0, "Recall": 1.0}
    best, figures = best_threshold(trials, (0.2, 0.35))
    assert (best, figures["Accuracy"], figures["Recall"]) == (
        0.35,
        pytest.approx((2 / 3 + 1) / 2),
        1.0,
    )


def test_every_mode_is_given_back(tones: Any, make_task: Callable[..., Any]) -> None:
    class Watchful(Louder):
        def forward(self, x: Tensor) -> Tensor:
            assert not self.training
            assert torch.is_inference_mode_enabled()
            return super().forward(x)

    model = Watchful()
    model.conv.eval()
    make_task().predict(model, tones.cache.open("0.wav"), {"threshold": 0.5})
    assert model.training
    assert not model.conv.training


def test_the_first_frame_of_a_track_is_tried_too() -> None:
    """A pitch that sounds at time 0 alone is right there, not missed."""
    truth = Pitches(np.array([0.0, HOP_S]), np.array([0]), np.array([57.0]))
    bin_ = 60 * np.log2(220 / 110)
    peaks = Peaks(
        np.array([0.0, HOP_S]), np.array([0]), np.array([bin_]), np.array([0.8])
    )
    trial = Trial.of(truth, peaks, FEATURE)
    assert trial.heights[0, 0] == 0.8
    counts = trial.counts(0.5)
    assert counts.accuracy == counts.precision == counts.recall == 1.0
    best, figures = best_threshold([trial], [0.5, 0.9])
    assert (best, figures["Accuracy"]) == (0.5, 1.0)


def test_a_bin_or_two_up_and_down_is_predicted_as_well() -> None:
    """Of a model that treats all bins alike transpositions change nothing; of another their mean counts."""
    torch.manual_seed(0)
    feature = InMemory(torch.rand(1, 36, 20))
    config = HCQTFeatureConfig(
        harmonics=(1.0,), n_octaves=3, bins_per_octave=12, scale="linear"
    )

    class Alike(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 3.0 * x - 1.0

    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.arange(36.0)[:, None] / 36

    def found(model: nn.Module, *shifts: int) -> torch.Tensor:
        return probabilities_of(model, feature, config, 16, shifts=shifts)

    with torch.inference_mode():
        plain = found(Alike(), 0)
        torch.testing.assert_close(found(Alike(), -2, 0, 1), plain)

        # Bin f of an input moved up by 2 is seen by the weight of bin f + 2; the two highest bins are moved out.
        values = to_scale(feature.magnitude(), "linear", feature.peak)
        places = torch.arange(36.0)[:, None]
        at_home = torch.sigmoid(values * places / 36)
        up = torch.sigmoid(values * (places + 2) / 36)
        expected = torch.cat([((at_home + up) / 2)[:, :34], at_home[:, 34:]], dim=1)
        torch.testing.assert_close(found(Own(), 0, 2), expected)


def test_each_transposition_counts_once() -> None:
    with pytest.raises(ValidationError, match="duplicate transposition"):
        MultiPitchConfig(predict_shifts=(0, 1, 1))
