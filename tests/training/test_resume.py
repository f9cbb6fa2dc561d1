"""Interrupted and resumed equals never interrupted; nothing is overwritten."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import (
    Interrupting,
    Lines,
    refusal,
    same,
    same_runs,
    train,
)  # beside this file

RESUMABLE = [
    {"schedule": "cosine"},
    {"schedule": "constant", "optimizer": "sgd", "clip_norm": None},
    {"average_decay": 0.9, "optimizer": "adam"},
    {"patience": 1, "lr": 0.5, "validate_every": 5},
]


@pytest.mark.parametrize("at", [0, 13, 14, 39])
@pytest.mark.parametrize(
    "config", RESUMABLE, ids=["cosine", "constant", "average", "patience"]
)
def test_resumed_equals_uninterrupted_to_the_bit(
    tmp_path: Path, config: dict[str, Any], at: int
) -> None:
    whole, _ = train(tmp_path / "whole", config=config)
    parts, _ = train(tmp_path / "parts", Interrupting(at), config)
    if at < whole.steps:
        assert (parts.stopped, parts.steps) == ("interrupted", at + 1)
    parts, _ = train(tmp_path / "parts", config=config, resume=True)
    assert (parts.stopped, parts.best_step, parts.best_figures, parts.steps) == (
        *(whole.stopped, whole.best_step, whole.best_figures),
        whole.steps,
    )
    same_runs(tmp_path / "whole", tmp_path / "parts")


class Crashing(Lines):
    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if batch.items[0] == "item27.0":
            raise ZeroDivisionError
        return super().loss(outputs, batch)


def test_resume_after_a_crash_goes_back_to_the_last_validation(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "crashed", Crashing())
    run = RunFolder(tmp_path / "crashed")
    assert run.load_state()["step"] == 15
    assert run.read_metrics()[-1]["step"] == 20
    train(tmp_path / "crashed", resume=True)
    train(tmp_path / "whole")
    same_runs(tmp_path / "whole", tmp_path / "crashed")


def test_the_state_is_saved_between_validations_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = {"validate_every": 40}
    train(tmp_path / "whole", config=never)
    monkeypatch.setattr("mirbricks.training.loop.SAVE_EVERY_S", 0.0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "crashed", Crashing(), never)
    assert RunFolder(tmp_path / "crashed").load_state()["step"] == 27
    train(tmp_path / "crashed", config=never, resume=True)
    same_runs(tmp_path / "whole", tmp_path / "crashed")


def test_resume_of_a_finished_run_trains_no_more(tmp_path: Path) -> None:
    first, _ = train(tmp_path)
    learner = Lines()
    again, model = train(tmp_path, learner, resume=True)
    assert again == first
    assert (learner.asked, learner.validations) == ([], 0)
    same(model.state_dict(), RunFolder(tmp_path).load_state()["model"])


def test_resume_with_nothing_saved_starts_at_the_first_step(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a")
    run.append_metrics({"step": 10, "loss": 1.0})
    train(tmp_path / "a", resume=True)
    train(tmp_path / "b")
    same_runs(tmp_path / "a", tmp_path / "b")


def test_a_constant_schedule_can_be_trained_on(tmp_path: Path) -> None:
    config = {"schedule": "constant", "validate_every": 20}
    train(tmp_path / "longer", config=config)
    train(tmp_path / "longer", config={**config, "steps": 80}, resume=True)
    train(tmp_path / "whole", config={**config, "steps": 80})
    same_runs(tmp_path / "whole", tmp_path / "longer")


def test_channels_last_reaches_the_model_and_resumes(tmp_path: Path) -> None:
    layouts: list[bool] = []

    class Images(Lines):
        def batch(self, step: int) -> Batch:
            x = torch.from_numpy(
                np.random.default_rng(step).standard_normal((2, 3, 5, 4), np.float32)
            )
            return Batch((x,), x.mean((1, 2, 3)), ("a", "b"))

        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            if self.at_step(batch):
                signal.raise_signal(signal.SIGINT)
            return (outputs.mean((1, 2, 3)) - batch.targets).square().mean()

        def at_step(self, batch: Batch) -> bool:
            return (
                torch.equal(batch.inputs[0], self.batch(12).inputs[0])
                if self.spoil
                else False
            )

    def run(name: str, learner: Images, resume: bool = False) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))
        model[0].register_forward_hook(
            lambda module, x, _: layouts.extend(
                t.is_contiguous(memory_format=torch.channels_last)
                for t in (x[0], module.weight)
            )
        )
        config = TrainConfig(steps=20, validate_every=50, channels_last=True)
        learner.figures = [0.0]
        fit(
            model,
            learner,
            config,
            RunFolder(tmp_path / name),
            resume=resume,
            show=False,
        )

    run("whole", Images())
    run("parts", Images(spoil=1))
    assert RunFolder(tmp_path / "parts").load_state()["step"] == 13
    run("parts", Images(), resume=True)
    assert all(layouts)
    same(
        RunFolder(tmp_path / "whole").load_state(),
        RunFolder(tmp_path / "parts").load_state(),
    )


def test_handlers_are_restored_and_a_second_signal_stops_at_once(
    tmp_path: Path,
) -> None:
    class Twice(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            return super().loss(outputs, batch)

    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "twice", Twice())
    assert RunFolder(tmp_path / "twice").load_state()["step"] == 0
    train(tmp_path / "once", Interrupting(3, signal.SIGTERM))
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import toy_training as t
from pathlib import Path

class Slow(t.Lines):
    def loss(self, outputs, batch):
        time.sleep(0.02)
        return super().loss(outputs, batch)

result, _ = t.train(Path(sys.argv[1]), Slow(), {config!r}, resume="resume" in sys.argv, show="show" in sys.argv)
print(result.stopped, result.steps, flush=True)
"""


def script(config: dict[str, Any]) -> list[str]:
    return [
        sys.executable,
        "-c",
        SCRIPT.format(tests=str(Path(__file__).parent), config=config),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_from_outside_then_resume(
    tmp_path: Path, number: signal.Signals
) -> None:
    config = {"steps": 100, "validate_every": 20, "average_decay": 0.9}
    command = [*script(config), str(tmp_path / "parts")]
    process = subprocess.Popen([*command, "show"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("step 10/100")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    state = RunFolder(tmp_path / "parts").load_state()
    assert 10 <= state["step"] < 100
    assert out.splitlines()[-2:] == [
        f"interrupted at step {state['step']} of 100, saved in '{tmp_path / 'parts'}'; "
        "the same command with --resume goes on",
        f"interrupted {state['step']}",
    ]
    train(tmp_path / "parts", config=config, resume=True)
    train(tmp_path / "whole", config=config)
    same_runs(tmp_path / "whole", tmp_path / "parts")


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    train(tmp_path, Interrupting(6))
    assert refusal(
        lambda: train(tmp_path, config={"lr": 0.5, "steps": 50}, resume=True)
    ) == (
        f"cannot resume '{tmp_path}': the settings of the training have changed\n"
        "  steps  40 in the run, 50 now\n"
        "  lr     0.001 in the run, 0.5 now\n"
        "  help: resume with the old values, or begin a new training in another folder     [E608]"
    )


def test_resume_with_another_graph_is_refused(tmp_path: Path) -> None:
    train(tmp_path, Interrupting(6))
    other = nn.Sequential(nn.Linear(4, 3))
    config = TrainConfig(steps=40, validate_every=15, warmup_steps=5)
    assert refusal(
        lambda: fit(
            other, Lines(), config, RunFolder(tmp_path), resume=True, show=False
        )
    ) == (
        f"the weights of '{tmp_path}' do not fit the graph\n"
        "  size     '0.bias' (16,) in the run, (3,) in the graph\n"
        "  size     '0.weight' (16, 4) in the run, (3, 4) in the graph\n"
        "  unknown  '1.bias' (16,)\n"
        "  unknown  '1.num_batches_tracked' ()\n"
        "  unknown  '1.running_mean' (16,)\n"
        "  unknown  '1.running_var' (16,)\n"
        "  ...      and 3 more\n"
        f"  help: use the run's own graph, '{tmp_path / 'resolved.yaml'}'     [E607]"
    )


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert refusal(lambda: train(tmp_path)) == (
        f"'{tmp_path}' already holds a finished training of 40 steps\n"
        "  help: choose another folder, or delete this one first     [E602]"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_interrupted_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path, Interrupting(6))
    assert refusal(lambda: train(tmp_path)) == (
        f"'{tmp_path}' holds a training that stopped at step 7\n"
        "  help: go on with --resume, or choose another folder     [E603]"
    )
