"""Training without a validation side, and on everything there is: nothing is chosen but thresholds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.runs.folder import RunFolder

GRAPH = Path(mb.__file__).parent / "graphs" / "mpe_small.yaml"
QUICK = [
    "--set",
    "train.steps=3",
    "--set",
    "train.validate_every=1",
    "--set",
    "train.batch_size=1",
]
QUICK += ["--set", "dataset.folds=3", "--set", "task.patch_frames=48", "--jobs", "1"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=3, seconds=3.0, seed=2, stems=False)
    return folder


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.getbasetemp() / "cache")


def train(data: Path, out: Path, cache: str, *more: str) -> int:
    return main(
        [
            "train",
            str(GRAPH),
            "--data",
            str(data),
            "--out",
            str(out),
            "--cache",
            cache,
            *QUICK,
            *more,
        ]
    )


def test_what_would_validate_trains_and_the_last_weights_are_kept(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        train(
            corpus,
            tmp_path / "run",
            cache,
            "--set",
            "dataset.validate_on=none",
            "--fold",
            "1",
        )
        == 0
    )
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert [len(settings["split"][side]) for side in ("train", "valid", "test")] == [
        2,
        0,
        1,
    ]
    assert (settings["best_step"], settings["evaluated_on"], settings["fold"]) == (
        3,
        "test",
        1,
    )
    metrics = [
        json.loads(line)
        for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [m["step"] for m in metrics if "valid" in m] == [3]
    shown = capsys.readouterr().out
    assert "fold 1: 2 train, 1 test tracks" in shown
    assert "weights of the last step, 3; threshold = " in shown
    assert "from the training tracks" in shown
    report = (tmp_path / "run" / "report.html").read_text()
    assert "chosen on the training tracks" in report


def test_every_recording_trains(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(corpus, tmp_path / "run", cache, "--fold", "none") == 0
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert [len(settings["split"][side]) for side in ("train", "valid", "test")] == [
        3,
        0,
        0,
    ]
    assert (settings["best_step"], settings["evaluated_on"], settings["fold"]) == (
        3,
        "train",
        None,
    )
    assert "no test: 3 train tracks" in capsys.readouterr().out
    assert (
        "none, every recording trains" in (tmp_path / "run" / "report.html").read_text()
    )


def test_a_share_to_validate_on_and_no_validation(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", "dataset.held_out=0.1", "--set", "dataset.validate_on=none"]
    assert train(corpus, tmp_path / "run", cache, *words) == 1
    said = capsys.readouterr().err
    assert "'held_out' 0.1 is a share to validate on, but 'validate_on' is none" in said


def test_recordings_shorter_than_a_patch_are_told(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(corpus, tmp_path / "run", cache, "--set", "task.patch_frames=200") == 0
    assert (
        "note: padded with silence to a patch of 200 frames (4.6 s): 3 of 3 recordings: "
        in capsys.readouterr().err
    )


def test_a_training_that_still_runs_is_in_use(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunFolder.create(tmp_path / "run").locked():
        assert train(corpus, tmp_path / "run", cache) == 1
    assert "is in use by another training" in capsys.readouterr().err
