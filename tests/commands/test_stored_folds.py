"""`data split --folds`, then `train --fold`: the training has the folds that were stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.data import Atom, Corpus, Definition, Entry, Pyjama, write_audio

GRAPH = """\
name: toy_tags
input: B F=16 T=8
layers:
  - Mean: {dim: 2}
  - Linear: {name: head, out_features: 2}
feature: {type: logmel, n_mels: 16, sr_hz: 8000, n_fft: 256, hop_length: 128}
task: {type: tagging, labels: one, annotation: kind, patch_frames: 8}
train: {steps: 1, validate_every: 1, batch_size: 4, lr: 0.01}
"""


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    Path("toy.yaml").write_text(GRAPH)
    rng = np.random.default_rng(0)
    keys = [f"{number:02}" for number in range(12)]
    write_audio(
        "toys/toys_audio.hdf5",
        [(key, rng.uniform(-0.5, 0.5, 2000), 8000) for key in keys],
    )
    entries = [
        Entry({"filepath": (Atom(key),), "kind": (Atom("ab"[number % 2]),)})
        for number, key in enumerate(keys)
    ]
    text = Definition("global", "text")
    Pyjama({"filepath": text, "kind": text}, entries).save("toys/toys.pyjama")
    return Path("toys")


def train(*words: str) -> int:
    return main(
        ["train", "toy.yaml", "--data", "toys", "--out", "run", "--jobs", "1", *words]
    )


def test_a_training_has_the_folds_that_were_stored(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stratified = ["--stratify", "kind", "--seed", "7"]
    assert main(["data", "split", str(corpus), "--folds", "3", *stratified]) == 0
    assert train("--fold", "1") == 0
    note = "the folds that 'toys' carries under 'fold' are used, 3 of them"
    assert note in " ".join(capsys.readouterr().err.split())
    tested = [
        item.key for item in Corpus.open(corpus).items if item.entry.first("fold") == 1
    ]
    settings = json.loads(Path("run/settings.json").read_text())
    assert settings["split"]["test"] == tested
    assert sorted(settings["tracks"]) == tested
    assert "split: stored_folds" in Path("run/resolved.yaml").read_text()


def test_other_folds_are_dealt_where_one_asks_for_them(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "split", str(corpus), "--folds", "3"]) == 0
    assert train("--set", "dataset.split=folds") == 0
    assert "are passed over" in " ".join(capsys.readouterr().err.split())
    settings = json.loads(Path("run/settings.json").read_text())
    assert settings["split"]["test"] == ["00", "05", "10"]


def test_a_training_before_the_folds_were_stored_is_not_resumed_on_them(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train() == 0
    assert "passed over" not in capsys.readouterr().err
    assert main(["data", "split", str(corpus), "--folds", "3"]) == 0
    assert train("--resume") == 1
    assert "[E608]" in capsys.readouterr().err
    asked = ["--set", "dataset.split=folds"]
    assert train("--resume", *asked) == 0
