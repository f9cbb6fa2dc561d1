"""Beats that are tracked, and the feature `beat_chroma`."""

from __future__ import annotations

from pathlib import Path

import mir_eval
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mirbricks.errors import DataError
from mirbricks.features.beat_chroma import BeatChromaFeature, BeatChromaFeatureConfig
from mirbricks.features.beat_tracking import (
    beat_frames,
    beat_period,
    onset_strength,
    track_beats,
)
from mirbricks.features.given import GivenFeatureConfig
from mirbricks.features.streaming import stream_feature

SR_HZ = 22050


def music(
    bpm: float, seconds: float = 12.0, first_s: float = 0.4, seed: int = 0
) -> tuple[Tensor, NDArray[np.float64]]:
    """(1, N) a note of a scale a beat, that decays, in noise; and the times of the beats."""
    rng = np.random.default_rng(seed)
    wave = 0.003 * rng.standard_normal(int(seconds * SR_HZ))
    beats = np.arange(first_s, seconds - 0.3, 60 / bpm)
    for i, beat_s in enumerate(beats.tolist()):
        start = int(beat_s * SR_HZ)
        t = np.arange(len(wave) - start) / SR_HZ
        hz = 220 * 2 ** ([0, 3, 7, 5][i % 4] / 12)
        wave[start:] += (
            0.2
            * np.exp(-6 * t)
            * sum(np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3))
        )
    return torch.from_numpy(wave.astype(np.float32))[None], beats


@pytest.fixture(scope="module")
def transform() -> BeatChromaFeature:
    return BeatChromaFeature(BeatChromaFeatureConfig(prior_bpm=120.0))


@pytest.mark.parametrize("bpm", [70.0, 97.0, 120.0, 155.0])
def test_beats_are_found(transform: BeatChromaFeature, bpm: float) -> None:
    wave, beats = music(bpm)
    found = transform.beats_s(wave)
    assert float(found[-1]) == 12.0
    assert mir_eval.beat.f_measure(beats, found[:-1], f_measure_threshold=0.05) > 0.9


def test_the_prior_chooses_between_octaves() -> None:
    onsets = np.zeros(2000)
    onsets[::50] = 1.0
    onsets[25::50] = 0.8
    assert beat_period(onsets, 100.0, 240.0) == pytest.approx(25, abs=0.5)
    assert beat_period(onsets, 100.0, 120.0) == pytest.approx(50, abs=0.5)
    assert beat_period(onsets, 100.0, 60.0) == pytest.approx(100, abs=0.5)
    assert beat_period(np.zeros(2000), 100.0, 120.0) == 50.0
    assert beat_period(np.ones(4), 100.0, 120.0) == 50.0


def test_the_path_is_the_best_of_all() -> None:
    """Against the score of every sequence of frames, by brute force."""
    rng = np.random.default_rng(0)
    onsets, period = rng.random(15), 4.0
    reach = np.arange(-4, 5)
    local = np.convolve(np.pad(onsets, 4), np.exp(-0.5 * (reach * 8.0) ** 2), "valid")
    found = beat_frames(onsets, period)

    def score(frames: NDArray[np.int64]) -> float:
        return float(
            local[frames].sum() - 100 * (np.log(np.diff(frames) / period) ** 2).sum()
        )

    def every(last: int) -> list[list[int]]:
        return [[last]] + [
            [*one, last]
            for before in range(last - 8, last - 1)
            if before >= 0
            for one in every(before)
        ]

    assert score(found) == pytest.approx(
        max(score(np.array(one)) for one in every(int(found[-1])))
    )


def test_onsets_are_where_the_spectrum_rises() -> None:
    db = torch.full((10, 200), -80.0)
    db[:, 50:60] = -20.0
    strength = onset_strength(db, 43.0)
    assert strength.argmax() == 50
    assert np.count_nonzero(strength) == 1
    assert not onset_strength(torch.zeros(10, 50), 43.0).any()
    assert len(onset_strength(torch.zeros(10, 1), 43.0)) == 1
    assert len(track_beats(torch.zeros(10, 50), 43.0)) == 0


def test_a_frame_is_the_pitch_of_its_beat(transform: BeatChromaFeature) -> None:
    wave, beats = music(120.0)
    chroma, found = transform(wave)[0], transform.beats_s(wave)
    assert chroma.shape == (12, len(found) - 1)
    assert float(chroma.max()) == pytest.approx(1.0)
    for start_s, frame in zip(found[1:-2], chroma.T[1:-1], strict=True):
        i = int(np.abs(beats - start_s).argmin())
        assert int(frame.argmax()) == (9 + [0, 3, 7, 5][i % 4]) % 12


def test_chunks_give_the_whole_and_a_batch_its_items(
    transform: BeatChromaFeature,
) -> None:
    one, other = music(120.0)[0], music(90.0)[0]
    together = torch.cat(list(transform.stream(one.split(10_000, 1))), -1)
    torch.testing.assert_close(together, transform(one))
    both = transform(torch.cat([one, other]))
    n = transform(other).shape[-1]
    torch.testing.assert_close(both[1, :, :n], transform(other)[0])
    assert (both[1, :, n:] == 0).all()


@pytest.mark.parametrize("n_samples", [1, 2, 500, 5000])
def test_without_beats_it_is_one_frame(
    transform: BeatChromaFeature, n_samples: int
) -> None:
    assert transform(torch.zeros(1, n_samples)).tolist() == [[[0.0]] * 12]
    assert transform(torch.ones(1, n_samples)).shape[1:] == (12, 1)


def test_audio_without_a_sample_is_refused(transform: BeatChromaFeature) -> None:
    for call in (
        lambda: transform(torch.zeros(1, 0)),
        lambda: list(transform.stream([])),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert str(caught.value) == (
            "the feature 'beat_chroma' got audio without a single sample\n  help: leave empty recordings out     [E450]"
        )


@pytest.mark.parametrize("given", [False, True])
def test_the_file_has_as_many_frames_as_beats(
    transform: BeatChromaFeature, tmp_path: Path, given: bool
) -> None:
    wave, _ = music(120.0)
    own = transform.config
    config = (
        GivenFeatureConfig(
            sr_hz=SR_HZ, n_features=12, step_s=0.3, even=False, from_audio=own
        )
        if given
        else own
    )
    feature = stream_feature(
        lambda: iter([(wave[0].numpy(), SR_HZ)]), tmp_path / "f", config, lambda _: None
    )
    torch.testing.assert_close(feature.read(), transform(wave)[0], rtol=2e-3, atol=2e-3)
