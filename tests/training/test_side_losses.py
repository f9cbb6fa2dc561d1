"""The losses that blocks compute are added to that of the task, and logged by node."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import mirbricks as mb
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch, OnTrack
from mirbricks.training.loop import TrainConfig, fit
from mirbricks.training.side_losses import added, side_losses

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import Lines, same  # beside this file

VAE = {
    "input": "B C=4 T=8",
    "layers": [
        {"Conv1d": {"out_channels": 8, "kernel_size": 1}},
        {"VAEBottleneck": {"name": "latent", "kl_weight": 0.5}},
        {"Conv1d": {"out_channels": 4, "kernel_size": 1}},
    ],
}


class Reconstructions(Lines):
    """The input is the target."""

    def batch(self, step: int) -> Batch:
        x = torch.from_numpy(
            np.random.default_rng(step).standard_normal((4, 4, 8), np.float32)
        )
        return Batch((x,), x, tuple("abcd"))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return functional.mse_loss(outputs, batch.targets)

    def validate(self, model: nn.Module, on_track: OnTrack) -> dict[str, float]:
        on_track("all")
        with torch.no_grad():
            return {self.figure: -float(model(torch.ones(1, 4, 8)).square().mean())}


def vae() -> nn.Module:
    torch.manual_seed(0)
    return mb.compile_graph(VAE)


def train(folder: Path, learner: Lines, resume: bool = False, **config: object) -> None:
    settings = TrainConfig.model_validate(config)
    run = RunFolder.create(folder)
    fit(vae(), learner, settings, run, resume=resume, show=False)


def test_they_are_found_by_node_and_weighted() -> None:
    model = vae().train()
    model(torch.randn(2, 4, 8))
    found = side_losses(model)
    assert list(found) == ["latent.kl"]
    assert found["latent.kl"].requires_grad
    total = added(torch.tensor(1.0), found)
    assert torch.allclose(total, 1.0 + found["latent.kl"])


def test_without_any_the_loss_is_the_very_same() -> None:
    loss = torch.tensor(1.0)
    assert added(loss, side_losses(nn.Linear(2, 2))) is loss


def test_a_training_minimises_and_logs_them(tmp_path: Path) -> None:
    config = {"steps": 40, "lr": 0.05, "validate_every": 40, "warmup_steps": 0}
    train(tmp_path / "a", Reconstructions(), **config)
    records = RunFolder(tmp_path / "a").read_metrics()
    divergence = [
        one["side_losses"]["latent.kl"] for one in records if "side_losses" in one
    ]
    assert len(divergence) == 4
    assert divergence[-1] < divergence[0]


def test_interrupted_and_resumed_logs_the_same(tmp_path: Path) -> None:
    config = {"steps": 40, "validate_every": 20}
    train(tmp_path / "whole", Reconstructions(), **config)

    class Stops(Reconstructions):
        def batch(self, step: int) -> Batch:
            if step == 27:
                raise KeyboardInterrupt
            return super().batch(step)

    with contextlib.suppress(KeyboardInterrupt):
        train(tmp_path / "parts", Stops(), **config)
    train(tmp_path / "parts", Reconstructions(), resume=True, **config)
    whole = RunFolder(tmp_path / "whole")
    parts = RunFolder(tmp_path / "parts")
    for one, other in zip(whole.read_metrics(), parts.read_metrics(), strict=True):
        clock = {"seconds": 0, "waiting": 0}
        assert {**one, **clock} == {**other, **clock}
    for name in ("model", "optimizer"):
        same(whole.load_state()[name], parts.load_state()[name])
