"""Onsets of notes: their targets, how they part notes, the figures of notes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.data.corpus import Corpus, Item
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig
from mirbricks.tasks.multi_pitch.notes import find_notes, find_onsets
from mirbricks.tasks.multi_pitch.peaks import Peaks, find_peaks

FEATURE = HCQTFeatureConfig(
    sr_hz=8000,
    harmonics=(1,),
    fmin_hz=110.0,
    n_octaves=3,
    bins_per_octave=36,
    hop_length=160,
)
CONFIG = MultiPitchConfig(
    onsets=True, patch_frames=32, transpose_bins=0, level_jitter_db=0.0, onset_frames=2
)
NOTES = [(57, 0.1, 0.4), (57, 0.5, 0.3), (64, 0.31, 0.2)]  # MIDI, onset, duration


def peaks_at(rows: list[tuple[int, float, float]], n: int, step_s: float) -> Peaks:
    frames, midi, heights = (np.array(column) for column in zip(*rows, strict=True))
    bins = FEATURE.bins_per_octave * np.log2(
        440 * 2 ** ((midi - 69) / 12) / FEATURE.fmin_hz
    )
    return Peaks(np.arange(n) * step_s, frames, bins, heights)


def test_a_key_struck_again_is_another_note() -> None:
    sounding = peaks_at(
        [(t, 60.0, 0.8) for t in range(10, 60)]
        + [(t, 67.0, 0.9) for t in range(60, 90)],
        100,
        0.01,
    )
    onsets = peaks_at([(9, 60.0, 0.9), (30, 60.0, 0.5)], 100, 0.01)
    found = find_notes(sounding, FEATURE, threshold=0.5, min_note_s=0.05, onsets=onsets)
    spans = [
        (round(note.onset_s, 6), round(note.duration_s, 6), round(note.midi))
        for note in found
    ]
    assert spans == [(0.1, 0.2, 60), (0.3, 0.3, 60)]  # 67 was never struck
    assert len(find_notes(sounding, FEATURE, threshold=0.5, min_note_s=0.05)) == 2


def test_a_note_begins_where_its_key_was_struck_and_ends_where_it_ended() -> None:
    sounding = peaks_at(
        [(t, 60.0, 0.8) for t in range(1, 21)]
        + [(t, 67.0, 0.8) for t in range(50, 60)],
        100,
        0.01,
    )
    onsets = peaks_at([(1, 60.0, 0.9), (50, 67.0, 0.9)], 100, 0.01)
    found = find_notes(
        sounding,
        FEATURE,
        threshold=0.5,
        min_note_s=0.05,
        onsets=onsets,
        onset_delay_s=0.015,
    )
    spans = [
        (round(note.onset_s, 6), round(note.onset_s + note.duration_s, 6))
        for note in found
    ]
    assert spans == [(0.0, 0.21), (0.485, 0.6)]  # not before the recording


@pytest.mark.parametrize(
    ("frames", "lag", "expected"), [(1, 0, 0.5), (2, 0, 1.0), (2, 1, 0.5), (3, 3, 0.0)]
)
def test_the_middle_of_the_frames_of_an_onset_comes_later_than_it(
    frames: int, lag: int, expected: float
) -> None:
    config = MultiPitchConfig(onsets=True, onset_frames=frames, max_delay_frames=lag)
    rng = np.random.default_rng(0)
    onset = rng.uniform(0, 1000, 100_000)  # in frames
    middle = (
        np.ceil(onset) + (frames - 1) / 2 - rng.integers(lag + 1, size=onset.size)
    )  # as Patches draws them
    assert (
        config.onset_delay_frames
        == expected
        == pytest.approx((middle - onset).mean(), abs=0.02)
    )


def test_an_onset_that_nothing_follows_is_no_note() -> None:
    sounding = peaks_at([(t, 60.0, 0.8) for t in range(10, 40)], 100, 0.01)
    onsets = peaks_at([(10, 60.0, 0.9), (60, 60.0, 0.9), (20, 72.0, 0.9)], 100, 0.01)
    (note,) = find_notes(
        sounding, FEATURE, threshold=0.5, min_note_s=0.05, onsets=onsets
    )
    assert note.duration_s == pytest.approx(0.3)


def test_the_highest_of_near_onsets_counts() -> None:
    probability = torch.zeros(FEATURE.n_bins, 40)
    probability[30, 9:12] = torch.tensor([0.4, 0.9, 0.5])
    probability[31, 11] = 0.6  # the same, a bin higher
    probability[30, 25] = 0.7
    probability[60, 10] = 0.2  # under the threshold
    found = find_onsets(probability, CONFIG, FEATURE.hop_s)
    times = [round(t, 4) for t in found.times_s[found.frames]]
    assert times == [
        pytest.approx(10 * FEATURE.hop_s),
        pytest.approx(25 * FEATURE.hop_s),
    ]


def test_the_foot_of_a_broad_onset_is_none() -> None:
    probability = torch.zeros(FEATURE.n_bins, 40)
    rise = torch.tensor([0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.6, 0.5, 0.4, 0.35])
    probability[30, 6:16] = rise
    found = find_onsets(probability, CONFIG, FEATURE.hop_s)
    (time_s,) = found.times_s[found.frames]
    assert time_s == pytest.approx(11 * FEATURE.hop_s)


@pytest.mark.parametrize("seed", range(8))
def test_onsets_are_the_highest_within_a_frame_and_a_half(seed: int) -> None:
    """Beside a search through all pairs."""
    generator = torch.Generator().manual_seed(seed)
    probability = torch.zeros(FEATURE.n_bins, 60)
    probability[30] = torch.rand(60, generator=generator)
    probability[70] = torch.rand(60, generator=generator)
    every = find_peaks(
        probability,
        FEATURE.hop_s,
        least=CONFIG.onset_threshold,
        min_distance_bins=CONFIG.min_distance_bins,
        upsampling=CONFIG.time_upsampling,
    )
    points = list(zip(every.frames, every.bins, every.heights, strict=True))
    near = 1.5 * CONFIG.time_upsampling
    expected = []
    for frame, bin_, height in points:
        higher = [
            other
            for f, b, other in points
            if other > height and abs(b - bin_) < 1 and abs(f - frame) <= near
        ]
        if not higher:
            expected.append((frame, bin_))
    found = find_onsets(probability, CONFIG, FEATURE.hop_s)
    assert list(zip(found.frames, found.bins, strict=True)) == expected


def corpus_of(folder: Path, notes: list[tuple[int, float, float]]) -> Corpus:
    times_s = np.arange(8000) / 8000
    audio = np.zeros(8000)
    for midi, onset_s, duration_s in notes:
        on = (times_s >= onset_s) & (times_s < onset_s + duration_s)
        audio += 0.3 * on * np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * times_s)
    write_audio(
        folder / "n_audio.hdf5", iter([("a.wav", audio.astype(np.float32), 8000)])
    )
    entry = Entry(
        {
            "filepath": (Atom("a.wav"),),
            "pitchmidi": tuple(Atom(*note) for note in notes),
        }
    )
    definitions = {
        "filepath": Definition("global", "text"),
        "pitchmidi": Definition("segment", "numeric"),
    }
    Pyjama(definitions, [entry]).save(folder / "n.pyjama")
    return Corpus.open(folder)


class Told(nn.Module):
    """Gives the targets it is told as logits, whatever it hears."""

    input_shapes: dict[str, Any] = {"x": ("B", 1, 108, "T")}

    def __init__(self, truth: Tensor) -> None:
        super().__init__()
        self.truth = nn.Parameter(truth)

    def forward(self, x: Tensor) -> Tensor:
        y = (self.truth[..., : x.shape[-1]] - 0.3) * 12
        return torch.nn.functional.pad(
            y, (0, x.shape[-1] - y.shape[-1]), value=-9.0
        ).expand(len(x), -1, -1, -1)


def test_from_targets_back_to_notes(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, NOTES)
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    cache.build(corpus.items, n_jobs=1)
    n_frames = cache.open("a.wav").n_frames
    config = CONFIG.model_copy(update={"patch_frames": n_frames, "min_note_s": 0.03})
    task = MultiPitch(config, FEATURE)
    batch = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=1).batch(
        0
    )
    assert batch.targets.shape == (1, 2, FEATURE.n_bins, n_frames)
    begins = batch.targets[0, 1]
    key = round(36 * np.log2(220 / 110))
    frames = [t for t in range(n_frames) if begins[key, t] > 0.9]
    assert frames == [5, 6, 25, 26]  # hop 20 ms: 0.1 s and 0.5 s
    model = Told(batch.targets)
    found = task.evaluate(model, corpus.items, cache, {"threshold": 0.5}).figures
    assert found["note_f1"] == 1.0
    assert found["Accuracy"] > 0.9
    notes = task.predict(model, cache.open("a.wav"), {"threshold": 0.5}).notes
    assert sorted(round(note.midi) for note in notes) == [57, 57, 64]
    without = MultiPitch(config.model_copy(update={"onsets": False}), FEATURE)
    only = Told(batch.targets[:, :1])
    assert (
        without.evaluate(only, corpus.items, cache, {"threshold": 0.5}).figures[
            "note_f1"
        ]
        < 1.0
    )  # 57 stays one note


def test_onsets_of_curves(make_item: Callable[..., Item]) -> None:
    item = make_item(f0multi=([[57.0] * 3], [0.0, 0.01, 0.02]))
    with pytest.raises(TaskError) as error:
        MultiPitch(CONFIG, FEATURE).learner([item], [item], None, seed=0, batch_size=1)
    assert str(error.value) == (
        "task.onsets needs notes, and the pitches of 'a.wav' are curves\n"
        "  expected  'pitchmidi', segments\n"
        "  got       'f0multi', breakpoints\n"
        "  help: leave task.onsets out, or take a corpus of notes     [E505]"
    )


def test_one_channel_where_two_are_read() -> None:
    with pytest.raises(TaskError) as error:
        MultiPitch(CONFIG, FEATURE).check_shapes(("B", 1, 108, "T"), ("B", 1, 108, "T"))
    assert str(error.value) == (
        "the graph does not give two logits for each bin and frame\n"
        "  expected  (B, 2, 108, T)\n"
        "  got       (B, 1, 108, T)\n"
        "  help: keep F and T, and end with two channels: `- Conv2d: {out_channels: 2, kernel_size: 1}`     [E502]"
    )


def test_a_prediction_puts_learned_onsets_right_and_hears_struck_keys_longer(
    tmp_path: Path,
) -> None:
    """Onsets are learned in the frames after them; a key that was struck is heard down to half the threshold."""
    corpus = corpus_of(tmp_path, [(57, 0.2, 0.4)])
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    cache.build(corpus.items, n_jobs=1)
    n_frames, key = cache.open("a.wav").n_frames, round(36 * np.log2(220 / 110))
    truth = torch.full((1, 2, FEATURE.n_bins, n_frames), 0.05)
    truth[0, 0, key, 10:20], truth[0, 0, key, 20:30] = (
        0.9,
        0.24,
    )  # probabilities .999 and .33
    truth[0, 1, key, 10:12] = 0.9
    config = CONFIG.model_copy(
        update={"patch_frames": n_frames, "min_note_s": 0.03, "onset_frames": 2}
    )
    model = Told(truth)
    (note,) = (
        MultiPitch(config, FEATURE)
        .predict(model, cache.open("a.wav"), {"threshold": 0.5})
        .notes
    )
    found = MultiPitch(config, FEATURE).predict(
        model, cache.open("a.wav"), {"threshold": 0.5}
    )
    heard_s = found.times_s[[len(hz) > 0 for hz in found.frequencies_hz]]
    assert heard_s.max() == pytest.approx(0.58, abs=0.02)
    assert note.onset_s == pytest.approx(
        0.2 - config.onset_delay_frames * FEATURE.hop_s, abs=0.006
    )
