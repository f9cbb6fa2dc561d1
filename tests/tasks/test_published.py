"""Graphs that name a task: it trains on what the task gives them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.module import GraphModule
from mirbricks.tasks.base import Batch
from mirbricks.tasks.multi_pitch import MultiPitch
from mirbricks.tasks.multi_pitch.learner import MultiPitchLearner
from mirbricks.tasks.tagging import Tagging
from mirbricks.workflows.loading import load_experiment

GRAPHS = Path(mb.__file__).parent / "graphs"


def every_weight_moves(model: GraphModule, loss: torch.Tensor) -> None:
    loss.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


@pytest.mark.parametrize("name", ["mpe_depthsep", "mpe_resnet", "mpe_convnext"])
def test_variants_of_mpe_bittner_train(name: str) -> None:
    experiment = load_experiment(GRAPHS / f"{name}.yaml")
    task = experiment.task
    assert isinstance(task, MultiPitch)
    x = torch.rand(1, 6, 360, 8)
    batch = Batch((x,), (torch.rand(1, 1, 360, 8) > 0.9).float(), ("a",))
    learner = MultiPitchLearner(task, None, [], None)  # type: ignore[arg-type]
    every_weight_moves(experiment.model, learner.loss(experiment.model(x), batch))


@pytest.mark.parametrize(
    ("name", "shape"),
    [("samplecnn", (2, 1, 59049)), ("patch_transformer", (2, 1, 128, 998))],
)
def test_tagging_graphs_read_what_the_task_gives_them(
    name: str, shape: tuple[int, ...]
) -> None:
    experiment = load_experiment(GRAPHS / f"{name}.yaml", ["vars.classes=7"])
    task = experiment.task
    assert isinstance(task, Tagging)
    given = task.given_shapes(tuple(task.input_shape))["task.patch_frames"]
    assert given == (None, *shape[1:])
    with torch.inference_mode():
        assert experiment.model.eval()(torch.zeros(shape)).shape == (2, 7)
    assert task.n_scores == 7
