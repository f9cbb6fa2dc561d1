"""The task by its parts: two graphs that fit, two turns, clips from a seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mirbricks.errors import TaskError
from mirbricks.workflows.loading import load_experiment

from mylab_gan.clip_gan import ClipGan

GRAPHS = Path(__file__).parents[1] / "graphs"


def recording(key: str) -> SimpleNamespace:
    return SimpleNamespace(key=key, stem_of=None, annotations={})


def cache(n_frames: int = 3000) -> SimpleNamespace:
    wave = torch.linspace(-1, 1, n_frames)[None]
    feature = SimpleNamespace(n_frames=n_frames, read=lambda a, b: wave[:, a:b])
    return SimpleNamespace(open=lambda _: feature)


def test_both_graphs_fit() -> None:
    experiment = load_experiment(GRAPHS / "clip_gan.yaml")
    assert isinstance(experiment.task, ClipGan)
    assert list(experiment.task.models) == ["adversary"]


def test_an_adversary_that_does_not_fit_is_refused_at_its_line(tmp_path: Path) -> None:
    shutil.copytree(GRAPHS, tmp_path, dirs_exist_ok=True)
    critic = tmp_path / "clip_critic.yaml"
    critic.write_text(critic.read_text().replace("T=2048", "T=1024"))
    with pytest.raises(TaskError) as caught:
        load_experiment(tmp_path / "clip_gan.yaml")
    assert "clip_critic.yaml:3:" in str(caught.value)
    assert "the graph does not read what the generator gives" in str(caught.value)


def test_each_turn_moves_its_own_graph() -> None:
    experiment = load_experiment(GRAPHS / "clip_gan.yaml")
    task, model = experiment.task, experiment.model
    items = [recording("a.wav")]
    learner = task.learner(items, items, cache(), seed=0, batch_size=4)
    judging, making = learner.turns(model)
    assert judging.modules == (task.models["adversary"],)
    assert making.modules == (model,)
    batch = learner.batch(2)
    assert torch.equal(batch.inputs[0], learner.batch(2).inputs[0])
    parts = judging.loss(batch)
    sum(parts.values()).backward()
    assert all(weight.grad is None for weight in model.parameters())
    making.loss(batch).backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_clips_come_from_their_seed() -> None:
    experiment = load_experiment(GRAPHS / "clip_gan.yaml")
    task, model = experiment.task, experiment.model
    one, again, other = (
        task.generate(model, {}, n=2, conditions={}, seed=seed) for seed in (1, 1, 2)
    )
    assert one[0].samples.shape == (1, 2048)
    np.testing.assert_array_equal(one[1].samples, again[1].samples)
    assert not np.array_equal(one[1].samples, other[1].samples)
    with pytest.raises(TaskError, match="no conditions"):
        task.generate(model, {}, n=1, conditions={"pitch": 60}, seed=0)
    with pytest.raises(TaskError, match="reads no recordings"):
        task.predict(model, None, {})


def test_equal_sets_have_no_distance() -> None:
    task = load_experiment(GRAPHS / "clip_gan.yaml").task
    clips = torch.randn(5, 2048, generator=torch.Generator().manual_seed(0))
    assert task.distance_db(clips, clips) == 0
    assert task.distance_db(clips, 10 * clips) == pytest.approx(20, abs=0.01)
