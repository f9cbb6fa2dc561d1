"""A model of codes in the training loop: resumed to the bit, and two processes as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "training"))
from toy_codes import Notes, notes_in, task_of  # beside this file
from toy_training import same  # that of the loop's own tests

HERE = Path(__file__).parent
STEPS = 8
CONDITIONS = {"instrument": 3, "pitchmidi": 9}


def made(notes: Notes) -> tuple[Any, Any]:
    """A graph and its learner, with everything that is drawn at random."""
    task, model = task_of(
        "delay", CONDITIONS, condition_dropout=0.3, transpose_semitones=0
    )
    items = notes.corpus.items
    return model, task.learner(items, items[:3], notes.cache, seed=0, batch_size=4)


def trained(run: Path, model: Any, learner: Any, **more: Any) -> RunFolder:
    config = TrainConfig(
        steps=STEPS, validate_every=4, lr=1e-2, warmup_steps=2, average_decay=0.9
    )
    fit(model, learner, config, RunFolder(run), show=False, **more)
    return RunFolder(run)


@pytest.mark.parametrize("at", [2, 5])
def test_resumed_equals_undisturbed_to_the_bit(
    tmp_path: Path, notes: Notes, at: int
) -> None:
    whole = trained(tmp_path / "whole", *made(notes))
    model, cut = made(notes)
    loss, seen = cut.loss, []

    def interrupted(outputs: Any, batch: Batch) -> Any:
        seen.append(batch)
        if len(seen) == at:
            signal.raise_signal(signal.SIGINT)
        return loss(outputs, batch)

    cut.loss = interrupted
    trained(tmp_path / "parts", model, cut)
    assert RunFolder(tmp_path / "parts").load_state()["step"] == at
    parts = trained(tmp_path / "parts", *made(notes), resume=True)
    same(whole.load_state(), parts.load_state())
    same(whole.read_metrics(), parts.read_metrics())
    same(whole.read_weights()[0], parts.read_weights()[0])


def test_the_validation_loss_is_watched(tmp_path: Path, notes: Notes) -> None:
    run = trained(tmp_path / "run", *made(notes))
    losses = [one["valid"]["loss"] for one in run.read_metrics() if "valid" in one]
    assert len(losses) == 2
    assert float(run.read_weights()[1]["value"]) == min(losses)


@pytest.mark.slow
def test_two_processes_are_as_one_with_both_batches(
    tmp_path: Path, joined: Any
) -> None:
    notes = notes_in(tmp_path / "notes")
    code = tmp_path / "two.py"
    code.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "import test_token_training as t\n"
        "from toy_codes import FEATURE, Notes\n"
        "from mirbricks.data.corpus import Corpus\n"
        "from mirbricks.features.cache import FeatureCache\n"
        "folder = Path(sys.argv[1])\n"
        "notes = Notes(Corpus.open(folder / 'notes'), FeatureCache(folder / 'notes' / 'cache', FEATURE))\n"
        "t.trained(folder / 'two', *t.made(notes))\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--nproc-per-node=2", "--standalone", str(code), str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr

    model, both = made(notes)
    both.batch = joined(both.batch)
    one = trained(tmp_path / "one", model, both)
    two = RunFolder(tmp_path / "two")
    for key, value in one.load_state()["model"].items():
        torch.testing.assert_close(
            two.load_state()["model"][key], value, rtol=1e-4, atol=1e-5
        )
