"""Separation from training to figures: the three kinds of graph, resuming, conditions, and whose reference counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import mirbricks as mb
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.separation import Separated
from mirbricks.training.loop import fit
from mirbricks.workflows.predict import channels_of_array
from mirbricks.workflows.separate import Options, Separating

from .conftest import GRAPH, prepared, write_corpus

SEVERAL = """\
name: both
input: {mix: B C=1 T}
outputs: [low, high]
layers:
  - Conv1d: {name: a, out_channels: 1, kernel_size: 31, padding: same}
  - StoreAs: low
  - StartFrom: mix
  - Conv1d: {name: b, out_channels: 1, kernel_size: 31, padding: same}
  - StoreAs: high
"""
DEDICATED = """\
name: low_only
input: B C=1 T
layers:
  - Conv1d: {name: a, out_channels: 1, kernel_size: 31, padding: same}
"""


def sections(targets: str = "[low, high]") -> str:
    """The sections of GRAPH for other targets, with a learning rate for convolutions."""
    text = GRAPH[GRAPH.index("feature:") :]
    return text.replace("[low, high]", targets).replace("lr: 0.3", "lr: 0.01")


def trained(text: str, corpus: Path, folder: Path, cache: str, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "graph.yaml").write_text(text)
    mb.train(
        folder / "graph.yaml",
        corpus,
        folder / "run",
        cache=cache,
        jobs=1,
        progress=False,
        **more,
    )
    return folder / "run"


def figures_of(run: Path, corpus: Path, cache: str) -> dict[str, float]:
    found = mb.load(run).evaluate(
        corpus, split="all", cache=cache, jobs=1, progress=False
    )
    return found.figures


def test_a_conditioned_graph_learns_to_separate(
    run: Path, duos: Path, cache: str
) -> None:
    figures = figures_of(run, duos, cache)
    for target in ("low", "high"):
        assert figures[f"si_sdr_db/{target}"] > figures[f"si_sdr_mix_db/{target}"] + 8
    mean = (figures["si_sdr_db/low"] + figures["si_sdr_db/high"]) / 2
    assert figures["si_sdr_db"] == pytest.approx(mean)
    assert figures["silent_references"] == 0


def test_each_target_is_judged_against_its_own_reference(
    run: Path, duos: Path, cache: str, tmp_path: Path
) -> None:
    """With the stems' names swapped the same estimates are all wrong; one reference for all would not notice."""
    swapped = write_corpus(tmp_path / "swapped", names={"low": "high", "high": "low"})
    right = figures_of(run, duos, cache)
    wrong = figures_of(run, swapped, cache)
    for target in ("low", "high"):
        assert wrong[f"si_sdr_db/{target}"] < right[f"si_sdr_db/{target}"] - 16


@pytest.mark.parametrize(
    ("graph", "targets"), [(SEVERAL, "[low, high]"), (DEDICATED, "[low]")]
)
def test_graphs_without_a_condition_learn_too(
    graph: str, targets: str, duos: Path, cache: str, tmp_path: Path
) -> None:
    text = graph + sections(targets)
    run = trained(text, duos, tmp_path, cache)
    figures = figures_of(run, duos, cache)
    assert figures["si_sdr_improvement_db/low"] > 3
    found = mb.load(run).predict(np.zeros(5001, np.float32), sr_hz=4000)
    assert isinstance(found, Separated)
    assert {sound.samples.shape for sound in found.sounds.values()} == {(1, 5001)}


def test_interrupted_and_resumed_is_never_interrupted(
    duos: Path, cache: str, tmp_path: Path
) -> None:
    text = GRAPH.replace(
        "losses: {snr: 1}", "losses: {snr: 1}, remix: {transpose_semitones: 2}"
    )
    text = text.replace("steps: 80, validate_every: 40", "steps: 4, validate_every: 2")

    def fitted(name: str, steps: int, resume: bool = False) -> dict[str, torch.Tensor]:
        experiment, items, features = prepared(text, tmp_path, duos, cache)
        learner = experiment.task.learner(
            items, items, features, seed=0, batch_size=experiment.train.batch_size
        )
        config = experiment.train.model_copy(
            update={"steps": steps, "schedule": "constant"}
        )
        run = RunFolder.create(tmp_path / name)
        fit(experiment.model, learner, config, run, resume=resume, show=False)
        return dict(experiment.model.state_dict())

    whole = fitted("whole", 4)
    fitted("parts", 2)
    parts = fitted("parts", 4, resume=True)
    for name, weight in whole.items():
        assert torch.equal(weight, parts[name]), name


def test_one_mix_asked_for_two_targets_gives_two_answers(run: Path) -> None:
    """Both tones sound at once, and each answer has the one that was asked for."""
    moments = np.arange(8000) / 4000
    low = 0.2 * np.sin(2 * np.pi * 200 * moments)
    high = 0.2 * np.sin(2 * np.pi * 1200 * moments)
    found = mb.load(run).predict(np.float32(low + high), sr_hz=4000)
    for target, own, other in (("low", low, high), ("high", high, low)):
        answer = found[target].samples[0]
        assert abs(answer @ own) > 10 * abs(answer @ other)


def test_a_silent_reference_is_reported_and_not_averaged(
    duos: Path, cache: str, tmp_path: Path
) -> None:
    """Noise plays in one piece of three."""
    text = GRAPH.replace("[low, high]", "[low, noise]").replace(
        "losses:", "bss_eval: false, losses:"
    )
    experiment, items, features = prepared(text, tmp_path, duos, cache)
    evaluation = experiment.task.evaluate(experiment.model, items, features, {})
    figures = evaluation.figures
    assert figures["silent_references"] == 2
    assert evaluation.tracks["0.wav"]["silent_references"] == 1
    assert "si_sdr_db/noise" not in evaluation.tracks["0.wav"]
    own = evaluation.tracks["1.wav"]["si_sdr_db/noise"]
    assert figures["si_sdr_db/noise"] == pytest.approx(own)
    assert "sdr_db" not in figures


def test_a_mix_whose_stem_cannot_be_used_is_left_out(
    run: Path, tmp_path: Path, cache: str
) -> None:
    """Against what is left of its stems it would be judged by a reference that is silent."""
    corpus = write_corpus(tmp_path / "spoilt")
    with h5py.File(corpus / "duos_audio.hdf5", "r+") as file:
        file["1-high.wav"][10] = np.nan
    with (
        pytest.warns(UserWarning, match="not all of their stems can be used: '1.wav'"),
        pytest.warns(UserWarning, match="1-high.wav"),
    ):
        found = mb.load(run).evaluate(
            corpus, split="all", cache=cache, jobs=1, progress=False
        )
    assert sorted(found.tracks) == ["0.wav", "2.wav"]


def test_chunks_give_what_the_whole_gives(run: Path) -> None:
    model = mb.load(run)
    wave = np.float32(0.1 * np.random.default_rng(0).standard_normal((2, 30001)))
    whole = model.separate(wave, 4000)
    task = model.task
    task.config = task.config.model_copy(update={"chunk_frames": 4000})
    parts = model.separate(wave, 4000)
    for target in ("low", "high"):
        difference = parts[target].samples - whole[target].samples
        assert np.abs(difference).max() < 1e-5


def test_what_a_training_writes(run: Path) -> None:
    """The parts of the loss, the figure that is watched, a validation loss, and a report to look at and to listen."""
    lines = [
        json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()
    ]
    assert set(lines[0]["losses"]) == {"snr"}
    valid = [line["valid"] for line in lines if "valid" in line]
    names = {"si_sdr_db", "si_sdr_db/low", "si_sdr_db/high", "loss"}
    assert all(names <= set(figures) for figures in valid)
    html = (run / "report.html").read_text()
    # The mix, and each of two targets as it was recorded and as it was separated.
    assert html.count("<audio") == 5
    assert "low: separated" in html


def test_two_channels_stay_two(cache: str, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "sides", sides=True)
    text = GRAPH.replace("C=1", "C=2").replace(
        "sr_hz: 4000", "sr_hz: 4000, channels: 2"
    )
    experiment, items, features = prepared(text, tmp_path, corpus, cache)
    task = experiment.task
    learner = task.learner(items, items, features, seed=0, batch_size=3)
    batch = learner.batch(0)
    assert batch.named["mix"].shape == batch.targets.shape == (3, 2, 1024)
    outputs = experiment.model(**batch.named)
    assert learner.loss(outputs, batch)["snr"].isfinite()
    figures = task.evaluate(experiment.model, items, features, {}).figures
    assert figures["si_sdr_db/low"] > figures["si_sdr_mix_db/low"] - 3

    # A recording of one channel is in both of the model's, and comes back as one.
    separating = Separating(experiment, Options())
    stereo = np.float32(0.1 * np.random.default_rng(0).standard_normal((2, 3001)))
    for wave in (stereo, stereo[:1]):
        found = separating.sounds(channels_of_array(wave, 4000), "")
        assert found["low"].samples.shape == wave.shape
