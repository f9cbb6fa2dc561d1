"""A GAN's batches and turns: what each learns from, that it resumes to the bit, that two processes are one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import FitResult, TrainConfig, fit

CONFIG = {"steps": 12, "batch_size": 4, "validate_every": 5, "average_decay": 0.9}


def trained(
    gan: Any, path: Path, learner: Any = None, **more: Any
) -> tuple[FitResult, dict[str, torch.Tensor]]:
    """The result, and the weights of both graphs."""
    result = fit(
        gan.model,
        learner or gan.learner(),
        TrainConfig(**CONFIG),
        RunFolder(path),
        beside=gan.task.models,
        show=False,
        **more,
    )
    weights = dict(gan.model.state_dict())
    for name, value in gan.task.models["adversary"].state_dict().items():
        weights[f"adversary/{name}"] = value
    return result, weights


def test_a_batch_is_a_pure_function_of_seed_and_step(
    small_gan: Callable[..., Any],
) -> None:
    learner = small_gan().learner()
    one, again, other = learner.batch(3), learner.batch(3), learner.batch(4)
    for turn in ("adversary", "generator"):
        assert torch.equal(one.targets[turn], again.targets[turn])
        assert not torch.equal(one.targets[turn], other.targets[turn])
    assert not torch.equal(one.targets["adversary"], one.targets["generator"])
    assert torch.equal(one.inputs[0], again.inputs[0])
    assert one.inputs[0].shape == (4, 1, 16, 8)


def test_an_example_begins_with_its_note_and_has_its_conditions(
    small_gan: Callable[..., Any],
) -> None:
    gan = small_gan()
    batch = gan.learner(batch_size=16).batch(0)
    low, high = gan.task.fitted["span"]
    for row, key in enumerate(batch.items):
        whole = gan.cache.open(key).read()[:, :8]
        seen = (batch.inputs[0][row, 0] + 1) / 2 * (high - low) + low
        torch.testing.assert_close(seen, whole, atol=1e-4, rtol=0)
        instrument, midi, _ = key.split("_")
        assert batch.named["instrument"][row] == ["flute", "reed"].index(instrument)
        assert batch.named["pitchmidi"][row, 0].item() == pytest.approx(
            (int(midi) - 62) / 3.8078865, abs=1e-5
        )
    assert batch.inputs[0].min() >= -1
    assert batch.inputs[0].max() <= 1


def test_examples_from_anywhere(small_gan: Callable[..., Any]) -> None:
    gan = small_gan(crop="anywhere")
    batch = gan.learner(batch_size=16).batch(0)
    starts = set()
    for row, key in enumerate(batch.items):
        whole = gan.task.shown(gan.cache.open(key).read()[None])[0, 0]
        for start in range(whole.shape[1] - 7):
            if torch.allclose(
                batch.inputs[0][row, 0], whole[:, start : start + 8], atol=1e-5
            ):
                starts.add(start)
    assert len(starts) > 3


def test_the_losses_are_those_of_the_papers(small_gan: Callable[..., Any]) -> None:
    gan = small_gan()
    learner = gan.learner()
    batch = learner.batch(0)
    judging, making = learner.turns(gan.model)
    critic = gan.task.models["adversary"].eval()
    fake = gan.model(noise=batch.targets["adversary"], **batch.named)
    real_scores = critic(x=batch.inputs[0], **batch.named)
    fake_scores = critic(x=fake, **batch.named)
    hinge = (
        functional.relu(1 - real_scores).mean()
        + functional.relu(1 + fake_scores).mean()
    )
    torch.testing.assert_close(judging.loss(batch)["hinge"], hinge)
    made = gan.model(noise=batch.targets["generator"], **batch.named)
    torch.testing.assert_close(
        making.loss(batch), -critic(x=made, **batch.named).mean()
    )


def test_wgan_has_a_penalty_of_the_slope(small_gan: Callable[..., Any]) -> None:
    gan = small_gan(loss="wgan_gp", penalty=5.0)
    learner = gan.learner()
    batch = learner.batch(0)
    parts = learner.turns(gan.model)[0].loss(batch)
    again = learner.turns(gan.model)[0].loss(batch)
    assert set(parts) == {"distance", "penalty"}
    # The points between real and fake come from the batch, and so again.
    gan.task.models["adversary"].eval()
    first = learner.turns(gan.model)[0].loss(batch)["penalty"]
    second = learner.turns(gan.model)[0].loss(batch)["penalty"]
    assert torch.equal(first, second)
    assert 0 < parts["penalty"] < 5.0 * 4
    assert again["penalty"].requires_grad


def test_the_discriminators_turn_leaves_the_generator_alone(
    small_gan: Callable[..., Any],
) -> None:
    gan = small_gan()
    learner = gan.learner()
    judging, making = learner.turns(gan.model)
    sum(judging.loss(learner.batch(0)).values()).backward()
    assert all(weight.grad is None for weight in gan.model.parameters())
    making.loss(learner.batch(0)).backward()
    assert all(weight.grad is not None for weight in gan.model.parameters())


def test_the_generator_moves_in_every_nth_step(
    small_gan: Callable[..., Any], tmp_path: Path
) -> None:
    gan = small_gan(generator_every=5)
    learner = gan.learner()
    turns = learner.turns
    calls = {"adversary": 0, "generator": 0}

    def counted(model: nn.Module) -> list[Any]:
        found = []
        for turn in turns(model):

            def loss(batch: Batch, own: Any = turn) -> Any:
                calls[own.name] += 1
                return own.loss(batch)

            found.append(replace(turn, loss=loss))
        return found

    learner.turns = counted
    trained(gan, tmp_path / "run", learner)
    assert calls == {"adversary": 12, "generator": 3}


def test_resumed_equals_uninterrupted_to_the_bit(
    small_gan: Callable[..., Any], tmp_path: Path
) -> None:
    whole, expected = trained(small_gan(), tmp_path / "whole")

    gan = small_gan()
    learner = gan.learner()
    turns = learner.turns

    def interrupted(model: nn.Module) -> Any:
        judging, making = turns(model)
        calls = 0

        def loss(batch: Batch) -> Any:
            nonlocal calls
            calls += 1
            if calls == 7:
                signal.raise_signal(signal.SIGINT)
            return judging.loss(batch)

        return [replace(judging, loss=loss), making]

    learner.turns = interrupted
    parts, _ = trained(gan, tmp_path / "parts", learner)
    assert (parts.stopped, parts.steps) == ("interrupted", 7)

    again = small_gan()
    for weight in again.model.parameters():
        torch.nn.init.zeros_(weight)
    resumed, found = trained(again, tmp_path / "parts", resume=True)
    assert resumed.best_figures == whole.best_figures
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


TWO = """\
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
import small_gan_training
small_gan_training.main(Path({folder!r}), Path(sys.argv[1]))
"""


def test_two_processes_equal_one_with_the_same_global_batch(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    sys.path.insert(0, str(Path(__file__).parent))
    import small_gan_training

    small_gan_training.prepare(folder)
    code = tmp_path / "train.py"
    code.write_text(TWO.format(here=str(Path(__file__).parent), folder=str(folder)))
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone",
        str(code), str(tmp_path / "two"),
    ]  # fmt: skip
    done = subprocess.run(
        torchrun,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    together = small_gan_training.together(folder, tmp_path / "one")
    apart = torch.load(tmp_path / "two.pt", weights_only=True)
    assert apart.keys() == together.keys()
    for name, value in together.items():
        torch.testing.assert_close(apart[name], value, rtol=0, atol=1e-5)
