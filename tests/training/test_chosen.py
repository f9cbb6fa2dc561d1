"""Weights that stay, and weights that move slower: chosen by the names of nodes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import mirbricks as mb
from mirbricks.errors import RunError
from mirbricks.runs.folder import RunFolder
from mirbricks.training.chosen import (
    Frozen,
    matching,
    nodes_of,
    refuse_unknown_nodes,
    scales_of,
)
from mirbricks.training.loop import FitResult, TrainConfig, fit

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import Interrupting, Lines, same  # beside this file

GRAPH = {
    "input": "B D=4",
    "layers": [
        {"Linear": {"name": "body_first", "out_features": 16}},
        {"BatchNorm1d": {"name": "body_norm"}},
        {"Dropout": {"p": 0.2}},
        "ReLU",
        {"Linear": {"name": "head", "out_features": 3}},
    ],
}


def network() -> Any:
    torch.manual_seed(0)
    return mb.compile_graph(GRAPH)


def train(path: Path, learner: Lines | None = None, **config: Any) -> Any:
    model = network()
    resume = config.pop("resume", False)
    settings = {"steps": 40, "validate_every": 15, "warmup_steps": 5, **config}
    result: FitResult = fit(
        model,
        learner or Lines(),
        TrainConfig(**settings),
        RunFolder(path),
        resume=resume,
        show=False,
    )
    return result, model


def test_frozen_nodes_keep_weights_and_statistics(tmp_path: Path) -> None:
    _, trained = train(tmp_path / "run", freeze=("body*",), average_decay=0.9)
    first = network().state_dict()
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, first[name]) == name.startswith("body"), name
    # What is validated and kept is the average, which must not have moved either.
    kept, _ = RunFolder(tmp_path / "run").read_weights()
    assert all(
        torch.equal(kept[name], first[name]) for name in kept if name.startswith("body")
    )


def test_a_scale_is_a_factor_of_the_step(tmp_path: Path) -> None:
    """One step of plain gradient descent moves each weight by lr times its gradient."""
    plain = {
        "steps": 1,
        "optimizer": "sgd",
        "weight_decay": 0.0,
        "clip_norm": None,
        "warmup_steps": 0,
    }
    first = network().state_dict()
    _, whole = train(tmp_path / "whole", **plain)
    scaled = {"body*": 0.25, "body_norm": 3.0}
    _, some = train(tmp_path / "some", lr_scales=scaled, **plain)
    for name, weight in some.named_parameters():
        moved = whole.state_dict()[name] - first[name]
        factor = 1.0
        if name.startswith("body_norm"):  # of two patterns the last
            factor = 3.0
        elif name.startswith("body"):
            factor = 0.25
        torch.testing.assert_close(
            weight.detach() - first[name], factor * moved, atol=1e-6, rtol=1e-3
        )
        # A norm takes away what the bias before it adds.
        assert moved.abs().max() > 0 or name == "body_first.bias"


def test_an_interrupted_fine_tuning_goes_on_to_the_bit(tmp_path: Path) -> None:
    chosen = {"freeze": ("body_first",), "lr_scales": {"body_norm": 0.1}}
    train(tmp_path / "whole", **chosen)
    result, _ = train(tmp_path / "parts", Interrupting(13, signal.SIGINT), **chosen)
    assert result.stopped == "interrupted"
    train(tmp_path / "parts", resume=True, **chosen)
    whole, parts = (RunFolder(tmp_path / name) for name in ("whole", "parts"))
    same(whole.load_state(), parts.load_state())


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        ({"freeze": ("bodyfirst",)}, "E626", "did you mean 'body_first'"),
        ({"lr_scales": {"tail*": 0.1}}, "E626", "body_first, body_norm, head"),
        ({"freeze": ("*",)}, "E621", "no weights to train"),
        ({"freeze": ("body*", "head")}, "E621", "no weights to train"),
    ],
)
def test_what_names_nothing_or_everything_is_refused(
    config: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(RunError, match=code) as error:
        refuse_unknown_nodes(network(), TrainConfig(**config))
    assert said in str(error.value)


def test_patterns() -> None:
    names = ["encoder.conv1", "encoder.conv2", "encoder2.conv1", "head"]
    assert matching(["encoder"], names) == names[:2]
    assert matching(["*conv1"], names) == [names[0], names[2]]
    assert matching(["head", "encoder.conv2"], names) == [names[1], names[3]]
    assert matching([], names) == []


def test_a_module_that_is_no_graph_has_no_nodes() -> None:
    model = nn.Linear(2, 2)
    assert nodes_of(model) == []
    Frozen(model, ()).rest()
    assert scales_of(model, {}) == {}
    assert all(weight.requires_grad for weight in model.parameters())
