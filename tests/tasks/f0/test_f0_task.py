"""The task as a whole: what it refuses, what it takes for true, that it learns, and that it can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mirbricks.data.corpus import Corpus, Item
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.f0 import F0Estimation, Melody
from mirbricks.tasks.f0.annotation import (
    note_levels_db,
    pitch_at_frames,
    played_midi,
    true_pitch,
)
from mirbricks.tasks.f0.patches import UNKNOWN, UNVOICED
from mirbricks.training.loop import fit
from mirbricks.training.optimization import TrainConfig

from .conftest import NOTE_S, SR_HZ, harmonics

MakeF0 = Callable[..., F0Estimation]
MakeItem = Callable[..., Item]
Notes = tuple[Corpus, FeatureCache]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (
            {"f0": ([[60.0, 61.0], [64.0, 65.0]], [0.0, 0.1])},
            "annotation 'f0' of 'a.wav' is not the pitch of one voice\n"
            "  expected  one row\n"
            "  got       2 rows\n"
            "  help: take recordings of one voice, such as stems; `multi_pitch` reads several voices     [E540]",
        ),
        (
            {"f0": ([[440.0, 0.0]], [0.0, 0.1])},
            "annotation 'f0' of 'a.wav' holds 440.0, which is not a MIDI number\n"
            "  expected  0 (nothing sounds) … 127, such as 69 for 440 Hz\n"
            "  help: write pitches as MIDI numbers: 69 + 12 log2(f / 440 Hz)     [E540]",
        ),
        (
            {"pitchmidi": [("C4", 0.0, 1.0)]},
            "annotation 'pitchmidi' of 'a.wav' holds 'C4', which is not a MIDI number\n"
            "  expected  0 (nothing sounds) … 127, such as 69 for 440 Hz\n"
            "  help: write pitches as MIDI numbers: 69 + 12 log2(f / 440 Hz)     [E540]",
        ),
        (
            {"pitchmidi": [(60,), (64,)]},
            "annotation 'pitchmidi' of 'a.wav' is not the pitch of one voice\n"
            "  expected  one pitch\n"
            "  got       2 pitches\n"
            "  help: take recordings of one voice, such as stems; `multi_pitch` reads several voices     [E540]",
        ),
        (
            {"pitchmidi": [([60, 61], [0.0, 0.1])]},
            "annotation 'pitchmidi' of 'a.wav' is not the pitch of one voice\n"
            "  expected  notes, or one number\n"
            "  got       a curve\n"
            "  help: take recordings of one voice, such as stems; `multi_pitch` reads several voices     [E540]",
        ),
    ],
    ids=["two rows", "Hz", "a name", "two numbers", "a curve of notes"],
)  # fmt: skip
def test_annotations_that_are_not_one_voice(
    make_item: MakeItem, annotation: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError) as caught:
        true_pitch(make_item(**annotation), -30.0)
    assert str(caught.value) == message


def test_tracks_are_voices_and_stems_among_them(
    make_item: MakeItem, make_f0: MakeF0
) -> None:
    f0 = ([69.0], [0.0])
    mix = make_item("mix.wav", f0multi=([[69.0], [60.0]], [0.0]))
    stem = make_item("mix-a.wav", stem_of="mix.wav", f0=f0)
    note = make_item("note.wav", pitchmidi=[(60, 0.0, 1.0)])
    bare = make_item("bare.wav")
    assert make_f0().tracks([mix, stem, note, bare]) == [stem, note]
    # Without labels everything is learned from that is one voice.
    alone = make_f0(learning="equivariant")
    assert alone.voices([mix, stem, note, bare]) == [stem, note, bare]
    assert make_f0().voices([mix, stem, note, bare]) == [stem, note]
    with pytest.raises(TaskError) as caught:
        make_f0().tracks([mix, bare])
    assert str(caught.value) == (
        "none of 2 recordings has the pitch of one voice annotated\n"
        "  expected  'f0' or 'pitchmidi' on a recording of one voice\n"
        "  got       'f0multi'\n"
        "  help: add the annotation to the .pyjama, or choose another corpus or split     [E503]"
    )


def test_a_later_note_takes_over_and_a_curve_holds_half_a_step(
    make_item: MakeItem,
) -> None:
    notes = make_item(pitchmidi=[(60, 0.0, 0.5), (64, 0.3, 0.2), (0, 0.6, 0.1)])
    truth = true_pitch(notes, -30.0)
    assert truth.midi[[0, 29, 30, 49, 50, 65]].tolist() == [60, 60, 64, 64, 0, 0]
    assert [note.midi for note in truth.notes] == [60, 64]
    curve = make_item(f0=([[60.0, 0.0, 62.0]], [0.0, 0.1, 0.2]))
    found = pitch_at_frames(curve, 5, 0.05, -30.0)
    np.testing.assert_array_equal(found[[0, 2, 4]], [60.0, 0.0, 62.0])
    assert np.isnan(pitch_at_frames(curve, 10, 0.05, -30.0)[6:]).all()


def test_a_single_note_is_voiced_down_to_the_floor(notes: Notes) -> None:
    item = notes[0].items[0]
    truth = true_pitch(item, -30.0)
    levels = note_levels_db(item, truth.times_s, 48.0)
    assert levels.max() == pytest.approx(0.0, abs=0.01)
    np.testing.assert_array_equal(truth.midi > 0, levels >= -30.0)
    assert set(truth.midi.tolist()) == {0.0, 48.0}
    assert truth.loud is not None
    np.testing.assert_array_equal(truth.loud, levels >= -20.0)
    (note,) = truth.notes
    assert note.onset_s == pytest.approx(0.07, abs=0.011)
    assert note.end_s == pytest.approx(0.53, abs=0.011)


def test_noise_before_a_note_is_not_the_note() -> None:
    """As loud as where the note ends, and yet nothing of its pitch."""
    rng = np.random.default_rng(0)
    time_s = np.arange(16000) / 8000
    note = np.sin(2 * np.pi * 220 * time_s) * np.exp(-2 * (time_s - 1)) * (time_s > 1)
    wave = (note + rng.normal(0, 0.1, 16000)).astype(np.float32)
    item: Any = SimpleNamespace(read=lambda: (wave, 8000))
    times_s = np.arange(0, 2, 0.01)
    levels = note_levels_db(item, times_s, 57.0)
    assert levels[times_s < 0.9].max() < -20.0
    assert levels[(times_s > 1.05) & (times_s < 1.7)].min() > -20.0


def test_targets_move_with_the_patch(notes: Notes, make_f0: MakeF0) -> None:
    corpus, cache = notes
    task = make_f0(patch_frames=61, transpose_bins=12, level_jitter_db=0.0)
    item = corpus.items[6]  # MIDI 60, the 73rd bin above MIDI 36
    learner = task.learner([item], [item], cache, seed=0, batch_size=16)
    batch = learner.batch(3)
    (inputs,) = batch.inputs
    assert inputs.shape == (16, 1, 180, 61)
    assert batch.targets.shape == (16, 61)
    assert set(batch.targets[:, 0].tolist()) == {UNVOICED}
    heard = batch.targets[:, 30]
    assert len(set(heard.tolist())) > 5
    # In the middle the loudest bin is the fundamental, where the target is.
    torch.testing.assert_close(
        inputs[:, 0, :, 30].argmax(1).float(), heard, atol=1.0, rtol=0.0
    )
    # A recording that is shorter than a patch teaches nothing behind its end.
    long = make_f0(patch_frames=80).learner([item], [item], cache, seed=0, batch_size=2)
    assert set(long.batch(0).targets[:, 61:].flatten().tolist()) == {UNKNOWN}


def note_named(midi: float, sounding: float, noise: float = 0.0) -> Any:
    """A recording of harmonics at one pitch, annotated as another."""
    wave = harmonics(sounding, NOTE_S)
    wave = wave + np.random.default_rng(0).normal(0, noise, len(wave))
    return SimpleNamespace(
        key="a.wav",
        annotations={"pitchmidi": (Atom(midi),)},
        read=lambda: (wave.astype(np.float32), SR_HZ),
    )


def test_a_note_is_as_high_as_it_is_played(make_item: MakeItem) -> None:
    for sounding in (59.55, 60.0, 60.45, 60.9):
        found = played_midi(note_named(60, sounding))
        assert found == pytest.approx(sounding, abs=0.02)
    # What is measured elsewhere is a mistake of the measurement: an octave, noise, another note.
    for sounding in (72.0, 61.2, 58.8):
        assert played_midi(note_named(60, sounding)) == 60.0
    assert played_midi(note_named(60, 60.4, noise=10.0)) == 60.0
    assert played_midi(note_named(0, 60.0)) == 0.0
    # What is annotated in time is not measured.
    assert played_midi(make_item(pitchmidi=[(60, 0.0, 1.0)])) is None
    assert played_midi(make_item(f0=([[60.0, 0.0]], [0.0, 0.1]))) is None
    with pytest.raises(TaskError, match="E540"):
        played_midi(note_named(440.0, 60.0))


def test_played_pitches_are_learned_and_annotated_ones_judge(
    notes: Notes, make_f0: MakeF0
) -> None:
    """An annotation that is .4 semitones too low: where a note sounds stays, how high it is follows the sound."""
    corpus, cache = notes
    item = corpus.items[6]  # MIDI 60
    entry = item.entry
    low = {**entry.annotations, "pitchmidi": (Atom(59.6),)}
    lower = replace(item, entry=replace(entry, annotations=low))
    targets = {}
    for name, one in (("annotated", item), ("annotated", lower), ("played", lower)):
        task = make_f0(patch_frames=61, transpose_bins=0, note_targets=name)
        learner = task.learner([one], [one], cache, seed=0, batch_size=1)
        targets[name, one.annotations["pitchmidi"][0].value] = learner.batch(0).targets
    right, wrong, played = targets.values()
    # Three bins are a semitone.
    voiced = right >= 0
    torch.testing.assert_close(wrong, torch.where(voiced, right - 1.2, right))
    torch.testing.assert_close(played, right, atol=0.05, rtol=0.0)
    truth = task.truth_of(lower)
    assert set(truth.midi.tolist()) == {0.0, 59.6}


def test_three_views_without_labels(notes: Notes, make_f0: MakeF0) -> None:
    corpus, cache = notes
    task = make_f0(learning="equivariant", transpose_bins=9, level_jitter_db=0.0)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=5)
    batch = learner.batch(0)
    one, other, higher = batch.inputs[0].chunk(3)
    torch.testing.assert_close(one, other)
    for row, k in enumerate(batch.targets.tolist()):
        low, high = max(0, k), min(180, 180 + k)
        torch.testing.assert_close(
            higher[row, :, low:high], one[row, :, low - k : high - k]
        )
    losses = learner.loss(torch.randn(15, 1, 180, 8), batch)
    assert isinstance(losses, dict)
    assert set(losses) == {"invariance", "equivariance", "shift"}


class Fundamental(nn.Module):
    """The highest level of a frame, so many bins too low; with `still` always the same bin."""

    def __init__(self, shift: int, still: bool = False) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(400.0))
        self.shift = shift
        self.still = still

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.still:
            x = torch.eye(x.shape[2])[50, None, None, :, None].expand_as(x)
        return self.gain * x.roll(-self.shift, 2)


def trained(
    task: F0Estimation, model: nn.Module, notes: Notes, steps: int
) -> list[Item]:
    """The notes that were left out."""
    corpus, cache = notes
    train, valid = list(corpus.items[::2]), list(corpus.items[1::2])
    learner = task.learner(train, valid, cache, seed=0, batch_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        batch = learner.batch(step)
        loss = learner.loss(model(*batch.inputs), batch)
        if isinstance(loss, dict):
            loss = torch.stack(list(loss.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return valid


def test_it_learns_pitches_that_it_has_not_seen(
    notes: Notes, make_f0: MakeF0, peaky: nn.Module
) -> None:
    task = make_f0(transpose_bins=6, patch_frames=16)
    valid = trained(task, peaky, notes, 40)
    cache = notes[1]
    tuned = task.tune(peaky, valid, cache)
    assert json.loads(json.dumps(tuned)) == tuned
    assert tuned.keys() == F0Estimation.tuned.keys()
    assert tuned["offset_bins"] == 0.0
    found = task.evaluate(peaky, valid, cache, tuned)
    assert found.figures["frames_right"] > 0.95
    assert found.figures["loud_frames_right"] > 0.95
    assert found.figures["notes_right"] == 1.0
    assert found.figures["Overall Accuracy"] > 0.85
    assert found.figures["notes"] == len(valid)
    learner = task.learner(valid, valid, cache, seed=0, batch_size=1)
    heard = learner.validate(peaky)
    assert heard["frames_right"] == pytest.approx(found.figures["frames_right"])
    melody = task.predict(peaky, cache.open(valid[0].key), tuned)
    assert isinstance(melody, Melody)
    assert [note.name for note in melody.notes] == ["D3"]
    assert melody.answer().startswith("1 note: D3 0.")
    assert melody.notes[0].midi == pytest.approx(50, abs=0.2)
    lines = melody.files()[".f0.txt"].decode().splitlines()
    assert len(lines) == len(melody.times_s)
    signs = [float(line.split("\t")[1]) > 0 for line in lines]
    assert signs == melody.voiced.tolist()
    assert 0.5 < np.mean(signs) < 1.0
    formats = melody.in_formats(["csv", "midi-bends", "jams", "svl"])
    assert {".f0.csv", ".notes.csv", ".bends.mid", ".jams", ".f0.svl"} <= set(formats)
    (case, *_) = task.pictures(peaky, valid, cache, tuned, found)
    assert case.title.startswith("best track: ")
    assert "Overall Accuracy" in case.score
    assert len(case.sounds) == 3


def test_tones_of_a_known_pitch_give_the_shift_of_a_model_without_labels(
    notes: Notes, make_f0: MakeF0
) -> None:
    """A model that is right but for 7 bins: what it learned from transpositions alone cannot know them."""
    corpus, cache = notes
    model = Fundamental(7)
    task = make_f0(learning="equivariant")
    tuned = task.tune(model, corpus.items, cache)
    assert tuned["offset_bins"] == pytest.approx(7.0, abs=0.3)
    figures = task.evaluate(model, corpus.items, cache, tuned).figures
    assert figures["frames_right"] > 0.95
    wrong = task.evaluate(model, corpus.items, cache, {**tuned, "offset_bins": 0.0})
    assert wrong.figures["frames_right"] == 0.0


def test_a_model_that_answers_transpositions_is_at_rest(
    notes: Notes, make_f0: MakeF0
) -> None:
    """The losses of learning without labels are least for answers that move, and teach one that does not."""
    corpus, cache = notes
    task = make_f0(learning="equivariant", transpose_bins=12, level_jitter_db=0.0)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=8)
    totals = []
    batch = learner.batch(0)
    for model in (Fundamental(0), Fundamental(0, still=True)):
        losses = learner.loss(model(*batch.inputs), batch)
        assert isinstance(losses, dict)
        totals.append(float(torch.stack(list(losses.values())).sum().detach()))
    assert 10 * totals[0] < totals[1]


@pytest.mark.parametrize("learning", ["supervised", "equivariant"])
def test_interrupted_and_resumed_is_never_interrupted(
    notes: Notes, make_f0: MakeF0, tmp_path: Path, learning: str
) -> None:
    corpus, cache = notes
    task = make_f0(learning=learning)

    def fitted(name: str, steps: int, resume: bool = False) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 1, (9, 1), padding=(4, 0)))
        items = list(corpus.items[:3])
        learner = task.learner(items, items, cache, seed=0, batch_size=2)
        config = TrainConfig(
            steps=steps, validate_every=2, schedule="constant", average_decay=0.9
        )
        run = RunFolder.create(tmp_path / name)
        fit(model, learner, config, run, resume=resume, show=False)
        return dict(model.state_dict())

    whole = fitted("whole", 4)
    fitted("parts", 2)
    parts = fitted("parts", 4, resume=True)
    for name, weight in whole.items():
        assert torch.equal(weight, parts[name]), name
