"""A small transformer that two processes train, for the tests of trainings in shares."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import mirbricks as mb
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch, OnTrack, unseen
from mirbricks.training.devices import joined
from mirbricks.training.loop import FitResult, TrainConfig, fit
from mirbricks.training.sharding import in_shares, local

GRAPH: dict[str, Any] = {
    "name": "next",
    "input": "B T=12 D=32",
    "layers": [
        {
            "TransformerEncoder": {
                "name": "encoder",
                "num_heads": 2,
                "num_layers": 2,
                "dim_feedforward": 160,
            }
        },
        {"Linear": {"name": "frozen", "out_features": 32}},
        {"Linear": {"name": "head", "out_features": 5}},
    ],
}


def network() -> nn.Module:
    torch.manual_seed(0)
    return mb.compile_graph(GRAPH)


class Frames:
    """A toy task: which of five vectors each frame is near to. Two processes learn from what one learns together."""

    figure = "accuracy"

    def __init__(self, parts: int) -> None:
        """`parts` batches of four are given as one: as many as there are processes in the other training."""
        self.parts = parts
        rng = np.random.default_rng(5)
        self.centres = torch.from_numpy(rng.standard_normal((5, 32), np.float32))

    def _some(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((1, number))
        labels = torch.from_numpy(rng.integers(5, size=(4, 12)))
        noise = torch.from_numpy(rng.standard_normal((4, 12, 32), np.float32))
        return self.centres[labels] + noise, labels

    def batch(self, step: int) -> Batch:
        some = [self._some(self.parts * step + part) for part in range(self.parts)]
        x, labels = (torch.cat(one) for one in zip(*some, strict=True))
        return Batch((x,), labels, tuple(map(str, range(len(x)))))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return functional.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten())

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        on_track("valid")
        model.eval()
        x, labels = self._some(10**6)
        with torch.inference_mode():
            found = model(x).argmax(2)
        return {self.figure: float((found == labels).float().mean())}


class Stopping(Frames):
    """Asks its own process to stop while the eighth step is taken, as a scheduler would."""

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        self.taken = getattr(self, "taken", 0) + 1
        if self.taken == 8:
            signal.raise_signal(signal.SIGTERM)
        return super().loss(outputs, batch)


def train(path: Path, learner: Frames, **more: Any) -> FitResult:
    settings = {
        "steps": 12,
        "validate_every": 6,
        "warmup_steps": 2,
        "clip_norm": 0.5,
        "average_decay": 0.9,
        "freeze": ["frozen"],
        "sharding": "full",
    }
    config = TrainConfig(**settings)
    return fit(network(), learner, config, RunFolder(path), show=False, **more)


def held(model: nn.Module) -> int:
    """How many weights this process holds of a model in shares."""
    return sum(local(weight).numel() for weight in model.parameters())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    train(folder / "two", Frames(1))
    # Stopped between two validations, it goes on as if it had never been.
    train(folder / "resumed", Stopping(1))
    train(folder / "resumed", Frames(1), resume=True)
    with joined(torch.device("cpu")) as world:
        print("holds", held(in_shares(network(), world)), flush=True)
