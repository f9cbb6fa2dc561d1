"""A flow in the training loop: resumed to the bit, and two processes as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.compiler.compile import compile_graph
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "training"))
from toy_latents import (  # beside this file
    TRAIN,
    VALID,
    Levels,
    cache_of,
    graph_of,
    task_of,
)
from toy_training import same  # that of the loop's own tests

HERE = Path(__file__).parent
STEPS = 8


def learner_of(folder: Path, batch_size: int = 4) -> Any:
    return task_of().learner(
        TRAIN, VALID, cache_of(folder), seed=0, batch_size=batch_size
    )


def trained(run: Path, learner: Any, folder: Path, **more: Any) -> RunFolder:
    config = TrainConfig(
        steps=STEPS, validate_every=4, lr=1e-2, warmup_steps=2, average_decay=0.9
    )
    fit(graph_of(folder), learner, config, RunFolder(run), show=False, **more)
    return RunFolder(run)


@pytest.mark.parametrize("at", [2, 5])
def test_resumed_equals_undisturbed_to_the_bit(tmp_path: Path, at: int):
    learner = learner_of(tmp_path)
    whole = trained(tmp_path / "whole", learner, tmp_path)

    cut = learner_of(tmp_path)
    loss, seen = cut.loss, []

    def interrupted(outputs: Any, batch: Batch) -> Any:
        seen.append(batch)
        if len(seen) == at:
            signal.raise_signal(signal.SIGINT)
        return loss(outputs, batch)

    cut.loss = interrupted
    trained(tmp_path / "parts", cut, tmp_path)
    assert RunFolder(tmp_path / "parts").load_state()["step"] == at
    parts = trained(tmp_path / "parts", learner_of(tmp_path), tmp_path, resume=True)

    same(whole.load_state(), parts.load_state())
    same(whole.read_metrics(), parts.read_metrics())
    same(whole.read_weights()[0], parts.read_weights()[0])


def test_the_loss_is_watched_and_less_is_better(tmp_path: Path):
    run = trained(tmp_path / "run", learner_of(tmp_path), tmp_path)

    losses = [one["valid"]["loss"] for one in run.read_metrics() if "valid" in one]
    assert len(losses) == 2
    assert float(run.read_weights()[1]["value"]) == min(losses)


@pytest.mark.slow
def test_two_processes_are_as_one_with_both_batches(tmp_path: Path, joined: Any):
    code = tmp_path / "two.py"
    code.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "import test_latent_training as t\n"
        "folder = Path(sys.argv[1])\n"
        "t.trained(folder / 'two', t.learner_of(folder), folder)\n"
    )
    cache_of(tmp_path)
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

    both = learner_of(tmp_path)
    both.batch = joined(both.batch)
    one = trained(tmp_path / "one", both, tmp_path)

    two = RunFolder(tmp_path / "two")
    for key, value in one.load_state()["model"].items():
        torch.testing.assert_close(
            two.load_state()["model"][key], value, rtol=1e-4, atol=1e-5
        )


class Wide(Levels):
    """The codec with as many channels as the tutorial's."""

    def encode_latent(self, waves: torch.Tensor) -> torch.Tensor:
        return super().encode_latent(waves).repeat(1, 32, 1)


def test_the_tutorials_diffusion_unet_learns(tmp_path: Path):
    task = task_of(Wide(latent_channels=64), conditions=(), patch_frames=16)
    model = compile_graph("diffusion_unet_tutorial")
    task.check_graph(model)
    task.check_recordings(TRAIN, VALID)
    learner = task.learner(TRAIN, VALID, cache_of(tmp_path), seed=0, batch_size=4)

    config = TrainConfig(steps=6, validate_every=3, lr=1e-3, warmup_steps=0)
    fit(model, learner, config, RunFolder(tmp_path / "run"), show=False)

    assert sum(weight.numel() for weight in model.parameters()) == 2_235_008
    first, last = [
        one["valid"]["loss"]
        for one in RunFolder(tmp_path / "run").read_metrics()
        if "valid" in one
    ]
    assert last < first
