"""Batches: pure in (seed, step), plain without augmentation, and every augmentation exact."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mirbricks.data.corpus import Corpus, Item
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeatureConfig, to_scale
from mirbricks.tasks.base import Learner
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig
from mirbricks.tasks.multi_pitch.annotation import pitches_at_frames
from mirbricks.tasks.multi_pitch.patches import (
    Cut,
    Patches,
    Source,
    Track,
    _annotate,
    _annotate_onsets,
    _mix,
)
from mirbricks.tasks.multi_pitch.targets import bins_of, draw

MakeTask = Callable[..., MultiPitch]


def learner_of(task: MultiPitch, tones: Any, **settings: Any) -> Any:
    items = tones.corpus.items
    return task.learner(
        items, items[:3], tones.cache, **{"seed": 0, "batch_size": 4, **settings}
    )


def whole(tones: Any, key: str) -> tuple[torch.Tensor, np.ndarray]:
    """The magnitudes (H, F, T) and the target (F, T) of a whole recording."""
    feature = tones.cache.open(key)
    pitches = pitches_at_frames(
        tones.corpus[key], feature.n_frames, tones.cache.config.hop_s
    )
    target = np.zeros((feature.n_bins, feature.n_frames), np.float32)
    draw(target, bins_of(pitches.midi, tones.cache.config), pitches.frames, 1.0)
    return feature.magnitude(), target


def place(name: str, feature: HCQTFeatureConfig) -> tuple[str, int]:
    key, _, seconds = name.removesuffix(" s").partition(" at ")
    return key, round(float(seconds) / feature.hop_s)


def test_without_augmentation_a_batch_is_plain_patches(
    tones: Any, make_task: MakeTask, small: HCQTFeatureConfig
) -> None:
    learner = learner_of(make_task(), tones)
    assert isinstance(learner.figure, str)
    for step in range(5):
        batch = learner.batch(step)
        (inputs,) = batch.inputs
        assert inputs.shape == (4, 2, 108, 32)
        assert batch.targets.shape == (4, 1, 108, 32)
        for row, name in enumerate(batch.items):
            key, start = place(name, small)
            magnitude, target = whole(tones, key)
            expected = to_scale(
                magnitude[..., start : start + 32], "db", tones.cache.open(key).peak
            )
            torch.testing.assert_close(inputs[row], expected, rtol=0, atol=2e-6)
            np.testing.assert_array_equal(
                batch.targets[row, 0], target[:, start : start + 32]
            )


def test_a_batch_is_a_pure_function_of_seed_and_step(
    tones: Any, make_task: MakeTask
) -> None:
    settings = {"transpose_bins": 9, "remix_probability": 0.5, "level_jitter_db": 6.0}
    first, second = (learner_of(make_task(**settings), tones, seed=3) for _ in range(2))
    state = torch.get_rng_state()
    batches = [first.batch(step) for step in range(4)]
    for step in (2, 0, 3, 1):
        again = second.batch(step)
        assert torch.equal(again.inputs[0], batches[step].inputs[0])
        assert torch.equal(again.targets, batches[step].targets)
        assert again.items == batches[step].items
    assert torch.equal(torch.get_rng_state(), state)
    other = learner_of(make_task(**settings), tones, seed=4).batch(0)
    assert not torch.equal(other.inputs[0], batches[0].inputs[0])
    assert not torch.equal(batches[1].inputs[0], batches[0].inputs[0])


@pytest.mark.parametrize("shift", [-108, -40, -1, 0, 7, 107, 200])
def test_transposition_shifts_bins_and_targets_together(tones: Any, shift: int) -> None:
    magnitude, _ = whole(tones, "1.wav")
    source = Source.of(tones.corpus["1.wav"], tones.cache)
    found = torch.zeros(32, 2, 108)
    target = np.zeros((108, 32), np.float32)
    cut = Cut(source, 50, shift, 1.0)
    _mix([cut], found)
    _annotate(cut, target, 1.0)
    expected = torch.zeros(2, 108, 32)
    expected_target = np.zeros_like(target)
    inside = (source.frames >= 50) & (source.frames < 82)
    draw(expected_target, source.bins[inside] + shift, source.frames[inside] - 50, 1.0)
    for f in range(108):
        if 0 <= f - shift < 108:
            expected[:, f] = magnitude[:, f - shift, 50:82]
    assert torch.equal(found.permute(1, 2, 0), expected)
    np.testing.assert_array_equal(target, expected_target)
    if abs(shift) <= 7:
        assert target.any()
    if abs(shift) >= 107:
        assert not target.any()


def test_a_remix_at_unit_gain_is_the_mix(tones: Any) -> None:
    track = Track.of(tones.corpus["0.wav"], tones.corpus.items, tones.cache)
    assert [stem.key for stem in track.stems] == ["0-a.wav", "0-b.wav"]
    magnitude, target = whole(tones, "0.wav")
    found, drawn = torch.zeros(60, 2, 108), np.zeros((108, 60), np.float32)
    cuts = [Cut(stem, 20, 0, 1.0) for stem in track.stems]
    _mix(cuts, found)
    for cut in cuts:
        _annotate(cut, drawn, 1.0)
    expected = magnitude[..., 20:80].permute(2, 0, 1)
    torch.testing.assert_close(
        found, expected, rtol=0, atol=2e-3 * float(magnitude.max())
    )
    np.testing.assert_array_equal(drawn, target[:, 20:80])


def test_gains_of_a_remix_are_factors_of_the_complex_stems(tones: Any) -> None:
    stems = Track.of(tones.corpus["0.wav"], tones.corpus.items, tones.cache).stems
    found = torch.zeros(10, 2, 108)
    _mix([Cut(stems[0], 5, 2, 0.5), Cut(stems[1], 9, 2, 1.7)], found)
    parts = [
        stem.feature.read(at, at + 10) for stem, at in zip(stems, (5, 9), strict=True)
    ]
    expected = (0.5 * parts[0] + 1.7 * parts[1]).abs()[:, :-2]
    torch.testing.assert_close(found.permute(1, 2, 0)[:, 2:], expected)
    assert not found[..., :2].any()


def cuts_of(tones: Any, task: MultiPitch, n: int = 200) -> list[list[Cut]]:
    patches = learner_of(task, tones).patches
    rng = np.random.default_rng(0)
    return [patches._cuts(patches.tracks[0], rng) for _ in range(n)]


def test_remixes_keep_their_stems_together(tones: Any, make_task: MakeTask) -> None:
    task = make_task(
        transpose_bins=5,
        remix_probability=1.0,
        remix_gain_db=6.0,
        stem_drop_probability=0.3,
    )
    drawn = cuts_of(tones, task)
    assert {len(cuts) for cuts in drawn} == {1, 2}
    assert {cut.source.key for cuts in drawn for cut in cuts} == {"0-a.wav", "0-b.wav"}
    assert all(
        len({(cut.start, cut.shift_bins) for cut in cuts}) == 1 for cuts in drawn
    )
    assert {cut.shift_bins for cuts in drawn for cut in cuts} == set(range(-5, 6))
    gains_db = 20 * np.log10([cut.gain for cuts in drawn for cut in cuts])
    assert -6 <= gains_db.min() < -5 < 5 < gains_db.max() <= 6
    assert all(
        cuts
        for cuts in cuts_of(
            tones, make_task(remix_probability=1.0, stem_drop_probability=1.0)
        )
    )


def test_crossed_and_independent_remixes(tones: Any, make_task: MakeTask) -> None:
    crossed = cuts_of(tones, make_task(remix_probability=1.0, cross_probability=1.0))
    assert len({cut.source.key for cuts in crossed for cut in cuts}) == 6
    independent = make_task(
        remix_probability=1.0, transpose_bins=5, independent_transpose_probability=1.0
    )
    assert any(
        len({cut.shift_bins for cut in cuts}) == 2
        for cuts in cuts_of(tones, independent)
    )


@pytest.mark.parametrize("lag", [0, 3])
def test_a_patch_that_lags_is_annotated_before_it_is_heard(
    tones: Any, lag: int
) -> None:
    source = Source.of(tones.corpus.items[0], tones.cache)
    _, target = whole(tones, source.key)
    found = np.zeros((target.shape[0], 32), np.float32)
    _annotate(Cut(source, 5, 0, 1.0), found, 1.0, lag)
    np.testing.assert_array_equal(found, target[:, 5 + lag : 37 + lag])
    onset, bins = 9, 40.0
    struck = replace(
        source, onset_frames=np.array([onset]), onset_bins=np.array([bins])
    )
    found[:] = 0
    _annotate_onsets(
        Cut(struck, 5, 0, 1.0),
        found,
        MultiPitchConfig(onsets=True, onset_frames=2),
        lag,
    )
    assert np.flatnonzero(found[40] > 0.9).tolist() == [
        onset - 5 - lag,
        onset - 4 - lag,
    ]


def test_level_jitter_is_a_gain(tones: Any, make_task: MakeTask) -> None:
    names, levels = [], []
    for settings in ({"level_jitter_db": 6.0}, {}):
        batch = learner_of(make_task(**settings), tones, batch_size=1).batch(0)
        names.append(batch.items)
        levels.append(80.0 * (batch.inputs[0] - 1.0))
    assert names[0] == names[1]
    unclipped = (
        (levels[0] > -70) & (levels[0] < 0) & (levels[1] > -70) & (levels[1] < 0)
    )
    gains_db = (levels[0] - levels[1])[unclipped]
    assert gains_db.std() < 1e-4
    assert 0.1 < abs(float(gains_db.mean())) <= 6.0


def test_recordings_shorter_than_a_patch_are_padded_with_silence(
    tones: Any, make_task: MakeTask
) -> None:
    batch = learner_of(make_task(patch_frames=200), tones).batch(0)
    magnitude, target = whole(tones, batch.items[0].partition(" at ")[0])
    n_frames = magnitude.shape[-1]
    assert n_frames < 200
    assert not batch.inputs[0][0, ..., n_frames:].any()
    np.testing.assert_array_equal(batch.targets[0, 0, :, :n_frames], target)
    assert not batch.targets[..., n_frames:].any()


def test_stems_without_pitches_are_not_mixed(tones: Any) -> None:
    drum = replace(
        tones.corpus["0-a.wav"], entry=tones.corpus["0-a.wav"].entry.__class__({})
    )
    items = [tones.corpus["0.wav"], drum, tones.corpus["0-b.wav"]]
    assert Track.of(items[0], items, tones.cache).stems == ()


def test_the_learner_is_one(tones: Any, make_task: MakeTask) -> None:
    learner: Learner = learner_of(make_task(), tones)
    batch = learner.batch(0)
    outputs = torch.zeros_like(batch.targets, requires_grad=True)
    loss = learner.loss(outputs, batch)
    assert float(loss.detach()) == pytest.approx(np.log(2))
    heavier = learner_of(make_task(positive_weight=3.0), tones).loss(outputs, batch)
    assert float(heavier.detach()) == pytest.approx(
        np.log(2) * (1 + 2 * float(batch.targets.mean())), rel=1e-5
    )


@pytest.fixture(scope="module")
def piece(
    bach10: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Item], FeatureCache]:
    corpus = Corpus.open(bach10)
    mix = corpus["01-AchGottundHerr.wav"]
    items = [mix, *(item for item in corpus.items if item.stem_of == mix.key)]
    cache = FeatureCache(tmp_path_factory.mktemp("bach10"), HCQTFeatureConfig())
    assert cache.build(items, n_jobs=1) == []
    return items, cache


def test_four_stems_at_unit_gain_are_the_mix(
    piece: tuple[list[Item], FeatureCache],
) -> None:
    items, cache = piece
    track = Track.of(items[0], items, cache)
    assert len(track.stems) == 4
    found = torch.zeros(400, 6, 360)
    _mix([Cut(stem, 300, 0, 1.0) for stem in track.stems], found)
    expected = track.mix.feature.magnitude(300, 700).permute(2, 0, 1)
    scale = float(
        found.flatten() @ expected.flatten() / (expected.flatten() @ expected.flatten())
    )
    assert float((found - scale * expected).norm() / (scale * expected).norm()) < 0.01


def test_targets_of_the_stems_are_those_of_the_mix(
    piece: tuple[list[Item], FeatureCache],
) -> None:
    items, cache = piece
    track = Track.of(items[0], items, cache)
    mixed, stems = (np.zeros((360, 1000), np.float32) for _ in range(2))
    _annotate(Cut(track.mix, 0, 0, 1.0), mixed, 1.0)
    for stem in track.stems:
        _annotate(Cut(stem, 0, 0, 1.0), stems, 1.0)
    np.testing.assert_array_equal(mixed, stems)
    values, times_s = items[0].entry.breakpoints("f0multi")
    expected = np.zeros((360, 1000))
    for t in range(1, 1000):  # the annotation starts at 23 ms
        for midi in values[:, int(np.argmin(np.abs(times_s - t * 512 / 22050)))]:
            if midi > 0:
                distance = np.arange(360) - 60 * np.log2(
                    440 * 2 ** ((midi - 69) / 12) / 32.7
                )
                bump = np.where(np.abs(distance) <= 2.5, np.exp(-(distance**2) / 2), 0)
                expected[:, t] = np.maximum(expected[:, t], bump)
    np.testing.assert_allclose(mixed, expected, atol=1e-6)


def test_a_batch_takes_little_time(piece: tuple[list[Item], FeatureCache]) -> None:
    items, cache = piece
    tracks = [Track.of(items[0], items, cache)]
    patches = Patches(
        tracks, MultiPitchConfig(), HCQTFeatureConfig(), seed=0, batch_size=8
    )
    patches.batch(0)
    seconds = []
    for step in range(5):
        begin_s = time.thread_time()
        patches.batch(step)
        seconds.append(time.thread_time() - begin_s)
    assert min(seconds) < 0.06
