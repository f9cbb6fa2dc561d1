"""The task by its parts: what it asks of a graph, learns from, and how it judges."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mirbricks.errors import TaskError
from mirbricks.features.chroma import ChromaFeatureConfig
from mirbricks.workflows.loading import load_experiment

from mylab_tasks.key_estimation import Key, KeyConfig, KeyEstimation

GRAPH = Path(__file__).parents[1] / "graphs" / "key.yaml"


def recording(key: str) -> SimpleNamespace:
    atoms = [SimpleNamespace(value=key)]
    return SimpleNamespace(key="a.wav", stem_of=None, annotations={"key": atoms})


def feature(x: torch.Tensor) -> SimpleNamespace:
    def read(start: int, stop: int) -> torch.Tensor:
        return x[..., start:stop]

    return SimpleNamespace(n_frames=x.shape[-1], read=read)


def test_the_graph_fits() -> None:
    assert isinstance(load_experiment(GRAPH).task, KeyEstimation)


def test_chroma_and_key_are_transposed_together() -> None:
    task = KeyEstimation(KeyConfig(patch_frames=4), ChromaFeatureConfig())
    task.check_shapes(("B", 12, "T"), ("B", 24))
    x = torch.zeros(12, 9)
    x[9] = 1.0  # A sounds, the key is A minor: 12 + 9
    cache = SimpleNamespace(open=lambda _: feature(x))
    items = [recording("A minor")]
    learner = task.learner(items, items, cache, seed=0, batch_size=200)
    batch = learner.batch(3)
    loudest = batch.inputs[0].sum(-1).argmax(1)
    assert torch.equal(batch.targets, 12 + loudest)
    assert len(set(loudest.tolist())) == 12
    assert torch.equal(learner.batch(3).inputs[0], batch.inputs[0])


def test_figures_are_those_of_mir_eval() -> None:
    task = KeyEstimation(KeyConfig(), ChromaFeatureConfig())
    found = Key("G major", np.zeros(24))
    assert task.judged(found, "G major") == {"weighted_score": 1.0, "accuracy": 1.0}
    assert task.judged(found, "C major") == {"weighted_score": 0.5, "accuracy": 0.0}


def test_a_key_that_is_none() -> None:
    task = KeyEstimation(KeyConfig(), ChromaFeatureConfig())
    with pytest.raises(TaskError) as caught:
        task.truth(recording("C majr"))
    assert str(caught.value).startswith(
        "'a.wav' has the key 'C majr', which is not one of 24\n"
        "  help: did you mean 'C major'"
    )
