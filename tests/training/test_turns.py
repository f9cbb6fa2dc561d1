"""Several models in one training: each turn moves its own modules, and all of it resumes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch, OnTrack
from mirbricks.tasks.turns import OptimizerConfig, Turn
from mirbricks.training.loop import FitResult, TrainConfig, fit

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import same  # beside this file


class Duel:
    """A generator of points near 3, and a critic that tells them from drawn ones."""

    figure = "loss"
    smaller_is_better = True

    def __init__(self, critic: nn.Module, at: int | None = None) -> None:
        self.critic = critic
        self.at = at
        self.moved: list[tuple[str, list[bool]]] = []
        self.options: dict[str, Any] = {}

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((5, step))
        real = torch.from_numpy(rng.normal(3, 1, (6, 2)).astype(np.float32))
        return Batch((real,), None, tuple(f"item{step}.{row}" for row in range(6)))

    def turns(self, model: nn.Module) -> list[Turn]:
        both = (model, self.critic)

        def note(name: str) -> None:
            flags = [all(w.requires_grad for w in one.parameters()) for one in both]
            self.moved.append((name, flags))

        def judge(batch: Batch) -> dict[str, Tensor]:
            note("critic")
            if self.at is not None and batch.items[0] == f"item{self.at}.0":
                signal.raise_signal(signal.SIGINT)
            # torch's generator is seeded per step, so that noise needs no state.
            made = model(torch.randn(6, 2)).detach()
            real = batch.inputs[0]
            return {
                "real": nn.functional.softplus(-self.critic(real)).mean(),
                "made": nn.functional.softplus(self.critic(made)).mean(),
            }

        def make(_: Batch) -> Tensor:
            note("model")
            return nn.functional.softplus(-self.critic(model(torch.randn(6, 2)))).mean()

        slow = OptimizerConfig(lr=5e-3, betas=(0.5, 0.9), optimizer="adam")
        return [
            Turn("critic", (self.critic,), judge, slow),
            Turn("model", (model,), make, **self.options),
        ]

    def loss(self, *_: Any) -> Tensor:
        raise AssertionError("a learner with turns is not asked for a loss")

    def validate(self, model: nn.Module, on_track: OnTrack) -> dict[str, float]:
        on_track("valid")
        with torch.inference_mode():
            noise = torch.from_numpy(
                np.random.default_rng(1).normal(size=(64, 2)).astype(np.float32)
            )
            return {"loss": float((model(noise).mean() - 3).abs())}


def models() -> tuple[nn.Module, nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(2, 2), nn.Sequential(
            nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)
        )


def duel(
    path: Path, at: int | None = None, resume: bool = False, **config: Any
) -> tuple[FitResult, Duel]:
    model, critic = models()
    learner = Duel(critic, at)
    values = {"steps": 30, "validate_every": 10, "warmup_steps": 3, **config}
    result = fit(
        model,
        learner,
        TrainConfig(**values),
        RunFolder(path),
        show=False,
        resume=resume,
        beside={"critic": critic},
    )
    return result, learner


@settings(max_examples=6, deadline=None)
@given(at=st.integers(0, 28), average=st.sampled_from([None, 0.9]))
def test_resumed_equals_uninterrupted_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, at: int, average: float | None
) -> None:
    folder = tmp_path_factory.mktemp("duel")
    duel(folder / "whole", average_decay=average)
    result, _ = duel(folder / "parts", at, average_decay=average)
    assert (result.stopped, result.steps) == ("interrupted", at + 1)
    duel(folder / "parts", resume=True, average_decay=average)
    one, other = RunFolder(folder / "whole"), RunFolder(folder / "parts")
    same(one.load_state(), other.load_state())
    same(one.read_metrics(), other.read_metrics())
    same(one.part("critic").read_weights()[0], other.part("critic").read_weights()[0])


def test_a_turn_moves_its_own_modules_only(tmp_path: Path) -> None:
    _, learner = duel(tmp_path, steps=3)
    assert learner.moved == 3 * [("critic", [False, True]), ("model", [True, False])]
    # Afterwards every weight is as trainable as before.
    assert all(weight.requires_grad for weight in learner.critic.parameters())


def test_losses_are_logged_by_turn_and_by_part(tmp_path: Path) -> None:
    duel(tmp_path, steps=10)
    (line,) = [one for one in RunFolder(tmp_path).read_metrics() if "valid" not in one]
    assert set(line["losses"]) == {"real", "made"}
    assert line["turns"]["critic"] == pytest.approx(sum(line["losses"].values()))
    # The loss of the line is that of the model which is trained for.
    assert 0 < line["loss"] < 5


def test_a_turn_has_an_optimizer_of_its_own(tmp_path: Path) -> None:
    duel(tmp_path, steps=10, warmup_steps=0, schedule="constant", lr=1e-3)
    state = RunFolder(tmp_path).load_state()
    group = state["turns"]["critic"]["optimizer"]["param_groups"][0]
    assert (group["lr"], group["betas"]) == (5e-3, (0.5, 0.9))
    assert state["optimizer"]["param_groups"][0]["lr"] == 1e-3


def test_a_turn_waits_for_its_step_and_skips_steps(tmp_path: Path) -> None:
    model, critic = models()
    learner = Duel(critic)
    learner.options = {"every": 3, "start": 4}
    config = TrainConfig(steps=12, validate_every=12)
    fit(
        *(model, learner, config, RunFolder(tmp_path)),
        show=False,
        beside={"critic": critic},
    )
    names = [name for name, _ in learner.moved]
    assert names.count("critic") == 12
    # Steps 4, 7 and 10.
    assert names.count("model") == 3


def test_the_smallest_loss_is_the_best(tmp_path: Path) -> None:
    result, _ = duel(tmp_path, steps=60)
    values = {
        one["step"]: one["valid"]["loss"]
        for one in RunFolder(tmp_path).read_metrics()
        if "valid" in one
    }
    assert result.best_step == min(values, key=values.__getitem__)
    assert len(set(values.values())) > 1


def test_a_module_that_no_state_would_hold_is_refused(tmp_path: Path) -> None:
    model, critic = models()
    with pytest.raises(ValueError, match="neither the model nor in"):
        fit(
            *(model, Duel(critic), TrainConfig(steps=2), RunFolder(tmp_path)),
            show=False,
        )


def test_states_of_older_versions_resume(tmp_path: Path) -> None:
    """Before turns a state had no parts, no turns, and its settings no betas."""
    sys.path.insert(0, str(Path(__file__).parent))
    from toy_training import Interrupting, same_runs, train

    train(tmp_path / "whole")
    train(tmp_path / "old", Interrupting(17))
    run = RunFolder(tmp_path / "old")
    state = run.load_state()
    for name in ("parts", "turns"):
        del state[name]
    del state["config"]["betas"], state["counters"]["part_values"]
    run.save_state(state)
    train(tmp_path / "old", resume=True)
    same_runs(tmp_path / "whole", tmp_path / "old")
