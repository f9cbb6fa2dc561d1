"""A small task for the tests of the training loop, and what compares two runs."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.errors import RunError
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch, OnTrack
from mirbricks.training.loop import FitResult, TrainConfig, fit


class Lines:
    """A toy task: recover a fixed linear map from noisy pairs."""

    figure = "negative error"

    def __init__(
        self,
        seed: int = 0,
        spoil: int | None = None,
        figures: list[float] | None = None,
    ) -> None:
        self.seed, self.spoil, self.figures = seed, spoil, figures
        self.map = torch.linspace(-1, 1, 12).reshape(4, 3)
        self.asked: list[int] = []
        self.validations = 0
        self.modes: list[bool] = []

    def batch(self, step: int) -> Batch:
        self.asked.append(step)
        x = torch.from_numpy(
            np.random.default_rng((self.seed, step)).standard_normal((8, 4), np.float32)
        )
        targets = {"y": x @ self.map}
        if step == self.spoil:
            x[2] = math.nan
        return Batch((x,), targets, tuple(f"item{step}.{row}" for row in range(8)))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        assert outputs.dtype == torch.float32
        return (outputs - batch.targets["y"]).square().mean()

    def validate(self, model: nn.Module, on_track: OnTrack) -> dict[str, float]:
        self.validations += 1
        on_track("valid")
        if self.figures:
            return {self.figure: self.figures[self.validations - 1]}
        self.modes.append(model.training)
        model.eval()
        x = torch.from_numpy(
            np.random.default_rng(99).standard_normal((64, 4), np.float32)
        )
        with torch.inference_mode():
            return {
                self.figure: -float((model(x) - x @ self.map).square().mean()),
                "other": 0.5,
            }


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(4, 16),
            nn.BatchNorm1d(16),
            nn.Dropout(0.2),
            nn.ReLU(),
            nn.Linear(16, 3),
        )


class Interrupting(Lines):
    """Sends itself a signal while the batch of `at` is trained on."""

    def __init__(self, at: int, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__()
        self.at, self.number = at, number

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if batch.items[0] == f"item{self.at}.0":
            signal.raise_signal(self.number)
        return super().loss(outputs, batch)


def train(
    path: Path,
    learner: Lines | None = None,
    config: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[FitResult, nn.Module]:
    model = network()
    settings = {"steps": 40, "validate_every": 15, "warmup_steps": 5, **(config or {})}
    return fit(
        model,
        learner or Lines(),
        TrainConfig(**settings),
        RunFolder(path),
        **{"show": False, **more},
    ), model


def same(a: Any, b: Any, path: str = "") -> None:
    """Equal to the bit, through dicts, lists and tensors."""
    assert type(a) is type(b), path
    if isinstance(a, Tensor):
        assert torch.equal(a, b), path
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            if key not in ("seconds", "waiting"):
                same(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), path
        for number, (one, other) in enumerate(zip(a, b, strict=True)):
            same(one, other, f"{path}/{number}")
    else:
        assert a == b, path


def same_runs(a: Path, b: Path) -> None:
    one, other = RunFolder(a), RunFolder(b)
    same(one.load_state(), other.load_state())
    same(one.read_metrics(), other.read_metrics())
    models = network(1), network(2)
    same(one.load_weights(models[0]), other.load_weights(models[1]))
    same(models[0].state_dict(), models[1].state_dict())


def refusal(call: Any) -> str:
    with pytest.raises(RunError) as caught:
        call()
    return str(caught.value)
