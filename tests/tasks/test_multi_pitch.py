"""The task as a whole: what it refuses, which items it takes, and that it learns."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mir_eval.multipitch
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.data.corpus import Corpus, Item
from mirbricks.errors import TaskError, Where
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig, Transcription
from mirbricks.tasks.multi_pitch.annotation import notes_of, pitches_at_frames

MakeItem = Callable[..., Item]
MakeTask = Callable[..., MultiPitch]
NAMES = list(mir_eval.multipitch.evaluate(*[np.array([0.0]), [np.array([440.0])]] * 2))


class Mean(nn.Module):
    """Harmonics weighted and added, over a few bins around: two dozen parameters."""

    def __init__(self, input_shapes: dict[str, Any] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 1, (11, 1), padding=(5, 0))
        self.input_shapes = input_shapes
        self.seen: set[int] = set()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add(x.shape[-1])
        return self.conv(8.0 * x - 4.0)


@pytest.mark.parametrize(
    ("came", "went"),
    [
        (("B", 6, 360, "T"), ("B", 1, 360, "T")),
        (("B", 6, 360, 96), ("B", 1, 360, 96)),
        (("B", 6, "F", "T"), ("B", 1, "F", "T")),
        ((8, "C", 360, "frames"), (8, 1, 360, "frames")),
    ],
)
def test_graphs_that_fit(
    came: tuple[int | str, ...], went: tuple[int | str, ...]
) -> None:
    MultiPitch(MultiPitchConfig(), HCQTFeatureConfig()).check_shapes(came, went, None)


PLACE = Where("g.yaml", 2, 8, 9, "input: B C F T")
EXCERPT = "    2 | input: B C F T\n      |        ^^^^^^^\n"
INPUT = "the graph does not read what the section 'feature:' gives: harmonics, bins and frames of the HCQT"
INPUT_HELP = "write `input: B C=6 F=360 T`, or change 'feature:'     [E501"
OUTPUT = "the graph does not give one logit for each bin and frame"
OUTPUT_HELP = "keep F and T, and end with one channel: `- Conv2d: {out_channels: 1, kernel_size: 1}`     [E502"
ROUNDED_HELP = (
    "T' is what a layer makes of T by rounding, as a pooling by 2 does with an odd one: pool along the other axis "
    "only, such as `kernel_size: [2, 1]`, or begin with `StoreAs: IN` and end with `FitTo: {size_of: IN}`     [E502"
)


@pytest.mark.parametrize(
    ("came", "went", "message", "facts", "hint"),
    [
        (("B", 1, 360, "T"), ("B", 1, 360, "T"), INPUT, ("(B, 6, 360, T)", "(B, 1, 360, T)"), INPUT_HELP),
        (("B", 6, 128, "T"), ("B", 1, 128, "T"), INPUT, ("(B, 6, 360, T)", "(B, 6, 128, T)"), INPUT_HELP),
        (("B", "T", "D"), ("B", "T", 1), INPUT, ("(B, 6, 360, T)", "(B, T, D)"), INPUT_HELP),
        (
            ("B", 6, 360, 64),
            ("B", 1, 360, 64),
            "the graph reads patches of 64 frames only, the task cuts patches of 96",
            ("(B, 6, 360, 96)", "(B, 6, 360, 64)"),
            "leave T free in `input:`, or set task.patch_frames to 64     [E501",
        ),
        (("B", 6, 360, "T"), ("B", 10), OUTPUT, ("(B, 1, 360, T)", "(B, 10)"), OUTPUT_HELP),
        (("B", 6, 360, "T"), ("B", 2, 360, "T"), OUTPUT, ("(B, 1, 360, T)", "(B, 2, 360, T)"), OUTPUT_HELP),
        (("B", 6, 360, "T"), ("B", 1, 360, "T'"), OUTPUT, ("(B, 1, 360, T)", "(B, 1, 360, T')"), ROUNDED_HELP),
        (("B", 6, 360, "T"), ("B", 1, 360, "T/2"), OUTPUT, ("(B, 1, 360, T)", "(B, 1, 360, T/2)"), OUTPUT_HELP),
    ],
)  # fmt: skip
def test_graphs_that_do_not_fit(
    came: Any, went: Any, message: str, facts: tuple[str, str], hint: str
) -> None:
    with pytest.raises(TaskError) as caught:
        MultiPitch(MultiPitchConfig(), HCQTFeatureConfig()).check_shapes(
            came, went, PLACE
        )
    assert str(caught.value) == (
        f"g.yaml:2:8: {message}\n{EXCERPT}  expected  {facts[0]}\n  got       {facts[1]}\n  help: {hint}]"
    )


def test_tracks_are_annotated_recordings_not_stems(
    make_item: MakeItem, make_task: MakeTask
) -> None:
    f0 = ([69.0], [0.0])
    mix = make_item("mix.wav", f0multi=([[69.0], [60.0]], [0.0]))
    notes = make_item("notes.wav", pitchmidi=[(60, 0.0, 1.0)])
    single, stem = (
        make_item("single.wav", f0=f0),
        make_item("mix-a.wav", stem_of="mix.wav", f0=f0),
    )
    empty = make_item("empty.wav", f0multi=([], []))
    task = make_task()
    assert task.tracks([stem, mix, single, notes, empty]) == [mix, notes]
    assert task.tracks([empty, single, stem]) == [single]


def test_a_recording_annotated_as_silent_is_a_track_beside_others(
    make_item: MakeItem, make_task: MakeTask
) -> None:
    """An empty list of notes says that nothing sounds; a missing one says nothing."""
    silent = make_item("silent.wav", pitchmidi=[])
    notes = make_item("notes.wav", pitchmidi=[(60, 0.0, 1.0)])
    single = make_item("single.wav", f0=([69.0], [0.0]))
    task = make_task()
    assert silent.annotations["pitchmidi"] is not None
    assert task.tracks([silent, notes, make_item("none.wav")]) == [silent, notes]
    assert task.tracks([silent, single]) == [single]
    with pytest.raises(TaskError, match="E503"):
        task.tracks([silent])
    truth = pitches_at_frames(silent, 5, 0.1)
    assert len(truth.times_s) == 5
    assert truth.midi.size == truth.frames.size == 0
    onsets_s, durations_s, midi = notes_of(silent)
    assert onsets_s.size == durations_s.size == midi.size == 0


@pytest.mark.parametrize("annotated", [True, False])
def test_no_tracks(make_item: MakeItem, make_task: MakeTask, annotated: bool) -> None:
    stem = make_item("a-b.wav", stem_of="a.wav", f0=([69.0], [0.0]))
    mix = make_item("a.wav", **({"chords": ([1.0], [0.0])} if annotated else {}))
    with pytest.raises(TaskError) as caught:
        make_task().tracks([mix, stem])
    assert str(caught.value) == (
        "none of 1 recordings has its pitches annotated\n"
        "  expected  'f0multi', 'pitchmidi' or 'f0' on a recording that is not a stem\n"
        f"  got       {chr(39) + 'chords' + chr(39) if annotated else 'no annotations'}\n"
        "  help: add the annotation to the .pyjama, or choose another corpus or split     [E503]"
    )


@pytest.fixture(scope="module")
def trained(tones: Any) -> tuple[MultiPitch, Mean, dict[str, float]]:
    """A tiny model after some steps on pieces 0 and 1, and its first validation on piece 2."""
    config = MultiPitchConfig(
        patch_frames=64, transpose_bins=12, thresholds=(0.2, 0.3, 0.4, 0.5)
    )
    task, model = MultiPitch(config, tones.cache.config), Mean()
    items = tones.corpus.items
    train, valid = (
        [i for i in items if i.group != "2.wav"],
        [i for i in items if i.group == "2.wav"],
    )
    learner = task.learner(train, valid, tones.cache, seed=0, batch_size=8)
    before = learner.validate(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(60):
        batch = learner.batch(step)
        optimizer.zero_grad()
        learner.loss(model(*batch.inputs), batch).backward()
        optimizer.step()
    return task, model, before


def valid_of(tones: Any) -> list[Item]:
    return [item for item in tones.corpus.items if item.group == "2.wav"]


def test_it_learns_and_validates_as_mir_eval(
    trained: tuple[MultiPitch, Mean, dict[str, float]], tones: Any
) -> None:
    task, model, before = trained
    items = valid_of(tones)
    learner = task.learner(items, items, tones.cache, seed=0, batch_size=1)
    after = learner.validate(model)
    assert learner.figure == "Accuracy"
    assert after["Accuracy"] > 0.6
    assert after["Accuracy"] > before["Accuracy"] + 0.2
    seen: list[str] = []
    tuned = task.tune(model, items, tones.cache, seen.append)
    assert tuned.keys() == MultiPitch.tuned.keys()
    assert json.loads(json.dumps(tuned)) == tuned
    assert tuned["threshold"] == after["threshold"]
    figures = task.evaluate(model, items, tones.cache, tuned, seen.append).figures
    assert seen == ["2.wav", "2.wav"]
    for name in ("Accuracy", "Precision", "Recall"):
        assert figures[name] == pytest.approx(after[name], abs=1e-12)


def test_evaluation_is_mir_evals_of_the_prediction(
    trained: tuple[MultiPitch, Mean, dict[str, float]], tones: Any
) -> None:
    task, model, _ = trained
    evaluation = task.evaluate(
        model, tones.corpus.items, tones.cache, {"threshold": 0.4}
    )
    assert list(evaluation.tracks) == ["0.wav", "1.wav", "2.wav"]
    for key, figures in evaluation.tracks.items():
        prediction = task.predict(model, tones.cache.open(key), {"threshold": 0.4})
        times_s, frequencies_hz = task.truth(tones.corpus[key])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = mir_eval.multipitch.evaluate(
                times_s, frequencies_hz, prediction.times_s, prediction.frequencies_hz
            )
        # Beside these the track's part in the calibration error of all.
        assert list(figures) == [*NAMES, "frame_reliability"]
        assert {name: figures[name] for name in NAMES} == expected
    assert len(NAMES) == 14
    mean = np.mean(
        [figures["Chroma Accuracy"] for figures in evaluation.tracks.values()]
    )
    assert evaluation.figures["Chroma Accuracy"] == pytest.approx(mean)


def test_a_prediction_is_whole(
    trained: tuple[MultiPitch, Mean, dict[str, float]], tones: Any
) -> None:
    task, model, _ = trained
    feature = tones.cache.open("2.wav")
    shares: list[float] = []
    found: Transcription = task.predict(
        model, feature, {"threshold": 0.4}, shares.append
    )
    assert shares[-1] == 1.0
    assert found.salience.shape == (108, feature.n_frames)
    assert 0 <= found.salience.min() < 0.2 < 0.5 < found.salience.max() <= 1
    assert (
        len(found.frequencies_hz)
        == len(found.times_s)
        == 4 * (feature.n_frames - 1) + 1
    )
    assert found.times_s[-1] == pytest.approx((feature.n_frames - 1) * 0.02)
    values, _ = tones.corpus["2.wav"].entry.breakpoints("f0multi")
    hits = [
        any(
            abs(note.midi - row[round((note.onset_s + note.duration_s / 2) * 100)])
            < 0.5
            for row in values
        )
        for note in found.notes
    ]
    assert len(hits) > 10
    assert np.mean(hits) > 0.6
    assert [note.onset_s for note in found.notes] == sorted(
        note.onset_s for note in found.notes
    )
    again = task.predict(model, feature.read(), {"threshold": 0.4})
    np.testing.assert_allclose(again.salience, found.salience, atol=2e-3)


def test_graphs_that_fix_their_frames_predict_in_training_patches(
    tones: Any, make_task: MakeTask
) -> None:
    for last, frames in ((32, 32), ("T", 512)):
        model = Mean({"x": ("B", 2, 108, last)})
        make_task().predict(model, tones.cache.open("0.wav"), {"threshold": 0.5})
        assert model.seen == {frames}


def test_pieces_without_stems_and_notes_train_too(
    tones: Any, make_task: MakeTask
) -> None:
    mixes = [item for item in tones.corpus.items if item.stem_of is None]
    learner = make_task(remix_probability=1.0).learner(
        mixes, mixes, tones.cache, seed=0, batch_size=2
    )
    assert learner.batch(0).targets.any()


def test_truth_of_bach10(bach10: Path) -> None:
    item = Corpus.open(bach10)["01-AchGottundHerr.wav"]
    times_s, frequencies_hz = MultiPitch(MultiPitchConfig(), HCQTFeatureConfig()).truth(
        item
    )
    np.testing.assert_allclose(times_s, 0.023 + 0.01 * np.arange(2519), atol=1e-9)
    values, _ = item.entry.breakpoints("f0multi")
    assert [len(frame) for frame in frequencies_hz] == (values > 0).sum(axis=0).tolist()
    assert min(map(min, filter(len, frequencies_hz))) > 90


def test_truth_of_maps(data_root: Path) -> None:
    corpus = Corpus.open(data_root / "maps")
    task = MultiPitch(MultiPitchConfig(), HCQTFeatureConfig())
    assert len(task.tracks(corpus.items)) == len(corpus)
    times_s, frequencies_hz = task.truth(corpus.items[0])
    assert len(times_s) == len(frequencies_hz) == 3000
    assert max(map(len, frequencies_hz)) > 2
