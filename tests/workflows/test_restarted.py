"""A training under torchrun whose processes die: they are started again, and the run is as if none had died."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mirbricks.cli import main
from mirbricks.runs.folder import RunFolder
from mirbricks.workflows.restarted import goes_on, noted_launch

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from toy_training import same  # in the folder of the training's tests

HERE = Path(__file__).parent
QUICK = [
    "dataset.folds=3",
    "train.steps=6",
    "train.validate_every=3",
    "train.batch_size=2",
    "task.patch_frames=24",
]


@pytest.fixture
def started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")


def run_of(folder: Path, launch: str | None, state: bool = True) -> Path:
    run = RunFolder.create(folder)
    run.write_settings({} if launch is None else {"launch": launch})
    if state:
        (folder / "state.pt").write_bytes(b"")
    return folder


@pytest.mark.usefixtures("started_again")
@pytest.mark.parametrize(
    ("launch", "state", "expected"),
    [
        ("mine", True, True),
        # Another command wrote it, or none did: the folder may have been named by mistake.
        ("another", True, False),
        (None, True, False),
        # Killed before anything was saved: it begins as it was meant to.
        ("mine", False, False),
    ],
)
def test_only_the_run_of_the_same_launch_goes_on_by_itself(
    tmp_path: Path, launch: str | None, state: bool, expected: bool
) -> None:
    assert goes_on(run_of(tmp_path / "run", launch, state)) is expected


def test_nothing_goes_on_by_itself_that_was_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(tmp_path / "run", "mine")
    assert not goes_on(folder)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    assert not goes_on(folder)
    assert noted_launch() == {"launch": "mine"}


@pytest.mark.usefixtures("started_again")
def test_a_launch_without_a_name_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All launches over several nodes without --rdzv-id have this one.
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert not goes_on(run_of(tmp_path / "run", "none"))
    assert noted_launch() == {}


def test_a_process_that_does_not_write_goes_through_every_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Without a second fold of its own it would leave the one that writes waiting for it.
    ended: list[int] = []

    def folds(*_: object) -> Iterator[SimpleNamespace]:
        for fold in range(3):
            ended.append(fold)
            result = SimpleNamespace(stopped="finished")
            yield SimpleNamespace(result=result, evaluation=None)

    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("mirbricks.commands.models.train.train_folds", folds)
    assert main(["train", "mpe_small", "--data", ".", "--out", "runs/a"]) == 0
    assert ended == [0, 1, 2]


@pytest.mark.slow
def test_killed_processes_are_as_if_they_had_lived(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    words = ["data", "synth", "polyphony", "--out", str(clips), "--n", "3"]
    assert main([*words, "--seconds", "1", "--jobs", "1"]) == 0

    def train(name: str, kills: str) -> tuple[str, Path]:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
        torchrun += ["--max-restarts=1", "--monitor-interval=0.1"]
        command = ["train", "mpe_small", "--data", str(clips), "--quiet", "--jobs=1"]
        command += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / name)]
        for setting in QUICK:
            command += ["--set", setting]
        done = subprocess.run(
            [*torchrun, str(HERE / "killed.py"), *command],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "KILLS": kills},
        )
        assert done.returncode == 0, done.stderr
        return done.stderr, tmp_path / name

    # The one that writes, which also holds the lock of the run, dies between two validations.
    reported, killed = train("killed", "0:0:5")
    _, undisturbed = train("undisturbed", "")
    assert reported.count("torchrun started the processes again") == 1
    assert "Traceback" not in reported
    one, other = RunFolder(killed), RunFolder(undisturbed)
    same(one.load_state()["model"], other.load_state()["model"])
    same(one.load_state()["optimizer"], other.load_state()["optimizer"])
    same(one.read_metrics(), other.read_metrics())
    assert one.read_settings()["figures"] == other.read_settings()["figures"]
