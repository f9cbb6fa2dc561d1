"""Settings, learning rate, clipping and the moving average."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import OnTrack
from mirbricks.training.loop import TrainConfig
from mirbricks.training.optimization import follow, learning_rate

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import Lines, network, same, train  # beside this file


def test_learning_rate() -> None:
    cosine = TrainConfig(steps=101, warmup_steps=21, lr=2.0)
    rates = [learning_rate(cosine, step) for step in range(101)]
    assert rates[:21] == pytest.approx([2.0 * (step + 1) / 21 for step in range(21)])
    reference = torch.optim.SGD([torch.zeros(1)], lr=2.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        reference, T_max=79, eta_min=0.02
    )
    for step in range(21, 101):
        assert rates[step] == pytest.approx(schedule.get_last_lr()[0])
        reference.step()
        schedule.step()
    assert rates[-1] == pytest.approx(0.02)
    constant = TrainConfig(schedule="constant", warmup_steps=0, lr=0.5)
    assert {learning_rate(constant, step) for step in range(1000)} == {0.5}
    assert learning_rate(TrainConfig(steps=1, warmup_steps=0), 0) == 1e-3


def test_average_keeps_infinite_constants_and_tied_weights() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3, bias=False)
            self.b = nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight
            self.register_buffer("mask", torch.tensor([0.0, -math.inf]))

    model, average = Tied(), Tied()
    expected = 0.75 * average.a.weight + 0.25 * model.a.weight
    follow(average, model, 0.75)
    torch.testing.assert_close(average.a.weight, expected)
    assert average.mask.tolist() == [0.0, -math.inf]


def test_config_defaults_and_descriptions() -> None:
    assert TrainConfig().model_dump() == {
        **{
            "steps": 1000,
            "batch_size": 8,
            "lr": 1e-3,
            "optimizer": "adamw",
            "betas": (0.9, 0.999),
            "weight_decay": 1e-2,
        },
        **{
            "schedule": "cosine",
            "warmup_steps": 50,
            "clip_norm": 1.0,
            "average_decay": None,
        },
        **{"freeze": (), "lr_scales": {}},
        **{"validate_every": 100, "patience": None, "seed": 0},
        **{"bf16": False, "compile": False, "channels_last": False},
        **{"sharding": "none", "order": "anywhere", "buffer": 256},
    }
    assert all(field.description for field in TrainConfig.model_fields.values())


@pytest.mark.parametrize(
    "bad",
    [
        {"step": 5},
        {"steps": 0},
        {"steps": "10"},
        {"lr": -1.0},
        {"average_decay": 1.0},
        {"schedule": "linear"},
        {"seed": -1},
    ],
)
def test_config_refuses(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig(**bad)


def test_weight_decay_and_lr_reach_the_optimizer(tmp_path: Path) -> None:
    for name in ("adam", "adamw", "sgd"):
        train(
            tmp_path / name,
            config={
                "optimizer": name,
                "weight_decay": 0.25,
                "steps": 3,
                "schedule": "constant",
            },
        )
        (group,) = RunFolder(tmp_path / name).load_state()["optimizer"]["param_groups"]
        assert (group["weight_decay"], group["lr"]) == (0.25, 1e-3 * 3 / 5)
        assert group.get("decoupled_weight_decay", False) is (name == "adamw")


def test_average_follows_the_formula_and_is_the_best_weights(tmp_path: Path) -> None:
    history: list[dict[str, Tensor]] = []

    class Watching(Lines):
        def validate(self, model: nn.Module, on_track: OnTrack) -> dict[str, float]:
            self.shown = model
            return super().validate(model, on_track)

    config = {
        "validate_every": 1,
        "steps": 6,
        "average_decay": 0.3,
        "weight_decay": 0.0,
    }
    for steps in range(1, 7):
        train(
            tmp_path / str(steps),
            config={**config, "steps": steps, "schedule": "constant"},
        )
        history.append(RunFolder(tmp_path / str(steps)).load_state()["model"])
    expected = {key: value.double() for key, value in network().state_dict().items()}
    for step, new in enumerate(history):
        decay = min(0.3, (step + 1) / (step + 10))
        for key, value in new.items():
            expected[key] = (
                decay * expected[key] + (1 - decay) * value
                if value.is_floating_point()
                else value
            )
    state = RunFolder(tmp_path / "6").load_state()
    for key, value in state["average"].items():
        torch.testing.assert_close(
            value.double(), expected[key].double(), rtol=1e-5, atol=1e-6
        )
    learner = Watching(figures=[1.0])
    _, model = train(tmp_path / "x", learner, {**config, "validate_every": 6})
    assert learner.shown is not model
    best = network(3)
    RunFolder(tmp_path / "x").load_weights(best)
    same(best.state_dict(), learner.shown.state_dict())


def test_gradients_are_clipped(tmp_path: Path) -> None:
    norms: list[float] = []

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            norms.append(
                float(
                    torch.cat(
                        [
                            p.grad.flatten()
                            for g in self.param_groups
                            for p in g["params"]
                        ]
                    ).norm()
                )
            )
            return super().step(closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "SGD", Spy)
        train(
            tmp_path / "a", config={"optimizer": "sgd", "clip_norm": 0.01, "steps": 10}
        )
        noted = RunFolder(tmp_path / "a").read_metrics()[0]["grad_norm"]
        assert norms == pytest.approx([0.01] * 10, rel=1e-3)
        assert noted > 0.1, "the metrics hold the norm before clipping"
        norms.clear()
        train(
            tmp_path / "b", config={"optimizer": "sgd", "clip_norm": None, "steps": 10}
        )
        assert norms[-1] == pytest.approx(
            RunFolder(tmp_path / "b").read_metrics()[0]["grad_norm"], rel=1e-5
        )
        assert norms[-1] > 0.1
