"""The training loop: it learns, stops, resumes to the bit, and names what went wrong."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mirbricks.devices import as_device
from mirbricks.errors import RunError
from mirbricks.optimization import follow, learning_rate
from mirbricks.runs import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training import FitResult, TrainConfig, fit
from pydantic import ValidationError
from torch import Tensor, nn


class Lines:
    """A toy task: recover a fixed linear map from noisy pairs."""

    figure = "negative error"

    def __init__(self, seed: int = 0, spoil: int | None = None, figures: list[float] | None = None) -> None:
        self.seed, self.spoil, self.figures = seed, spoil, figures
        self.map = torch.linspace(-1, 1, 12).reshape(4, 3)
        self.asked: list[int] = []
        self.validations = 0
        self.modes: list[bool] = []

    def batch(self, step: int) -> Batch:
        self.asked.append(step)
        x = torch.from_numpy(np.random.default_rng((self.seed, step)).standard_normal((8, 4), np.float32))
        targets = {"y": x @ self.map}
        if step == self.spoil:
            x[2] = math.nan
        return Batch((x,), targets, tuple(f"item{step}.{row}" for row in range(8)))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        assert outputs.dtype == torch.float32
        return (outputs - batch.targets["y"]).square().mean()

    def validate(self, model: nn.Module) -> dict[str, float]:
        self.validations += 1
        if self.figures:
            return {self.figure: self.figures[self.validations - 1]}
        self.modes.append(model.training)
        model.eval()
        x = torch.from_numpy(np.random.default_rng(99).standard_normal((64, 4), np.float32))
        with torch.inference_mode():
            return {self.figure: -float((model(x) - x @ self.map).square().mean()), "other": 0.5}


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 3))


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
    path: Path, learner: Lines | None = None, config: dict[str, Any] | None = None, **more: Any
) -> tuple[FitResult, nn.Module]:
    model = network()
    settings = {"steps": 40, "validate_every": 15, "warmup_steps": 5, **(config or {})}
    return fit(model, learner or Lines(), TrainConfig(**settings), RunFolder(path), **{"show": False, **more}), model


def same(a: Any, b: Any, path: str = "") -> None:
    """Equal to the bit, through dicts, lists and tensors."""
    assert type(a) is type(b), path
    if isinstance(a, Tensor):
        assert torch.equal(a, b), path
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            if key != "seconds":
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


def test_learns_and_keeps_best_and_metrics(tmp_path: Path) -> None:
    learner = Lines()
    result, model = train(tmp_path, learner, {"steps": 150, "lr": 2e-2})
    assert (result.stopped, result.steps) == ("finished", 150)
    records = RunFolder(tmp_path).read_metrics()
    losses = [record["loss"] for record in records if "loss" in record]
    assert len(losses) == 15
    assert losses[-1] < losses[0] / 3
    assert set(records[0]) == {"step", "loss", "lr", "grad_norm", "seconds"}
    assert set(records[1]) == {"step", "valid"}
    valid = {record["step"]: record["valid"] for record in records if "valid" in record}
    assert list(valid) == list(range(15, 151, 15))
    assert result.best_figures == valid[result.best_step]
    assert result.best_figures["negative error"] == max(v["negative error"] for v in valid.values())
    assert sorted(learner.asked) == list(range(150))
    assert all(learner.modes), "every step trains in train() mode"
    assert model.training


def test_metrics_are_means_of_ten_steps_and_the_rest(tmp_path: Path) -> None:
    seen: list[float] = []

    class Watching(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            loss = super().loss(outputs, batch)
            seen.append(float(loss.detach()))
            return loss

    train(tmp_path, Watching(), {"steps": 24, "validate_every": 100})
    records = RunFolder(tmp_path).read_metrics()
    assert [r["step"] for r in records] == [10, 20, 24, 24]
    means = [math.fsum(seen[a:b]) / (b - a) for a, b in ((0, 10), (10, 20), (20, 24))]
    assert [r["loss"] for r in records[:3]] == means
    assert "valid" in records[3]


def test_equal_seeds_equal_runs_and_the_callers_random_state_stays(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    train(tmp_path / "a")
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(7)
    train(tmp_path / "b")
    same_runs(tmp_path / "a", tmp_path / "b")
    train(tmp_path / "c", config={"seed": 1})
    one, other = (RunFolder(tmp_path / name).load_state()["model"]["0.weight"] for name in "ac")
    assert not torch.equal(one, other), "dropout draws from the seed"


RESUMABLE = [
    {"schedule": "cosine"},
    {"schedule": "constant", "optimizer": "sgd", "clip_norm": None},
    {"average_decay": 0.9, "optimizer": "adam"},
    {"patience": 1, "lr": 0.5, "validate_every": 5},
]


@pytest.mark.parametrize("at", [0, 13, 14, 39])
@pytest.mark.parametrize("config", RESUMABLE, ids=["cosine", "constant", "average", "patience"])
def test_resumed_equals_uninterrupted_to_the_bit(tmp_path: Path, config: dict[str, Any], at: int) -> None:
    whole, _ = train(tmp_path / "whole", config=config)
    parts, _ = train(tmp_path / "parts", Interrupting(at), config)
    if at < whole.steps:
        assert (parts.stopped, parts.steps) == ("interrupted", at + 1)
    parts, _ = train(tmp_path / "parts", config=config, resume=True)
    assert (parts.stopped, parts.best_step, parts.best_figures, parts.steps) == (
        *(whole.stopped, whole.best_step, whole.best_figures),
        whole.steps,
    )
    same_runs(tmp_path / "whole", tmp_path / "parts")


def test_resume_after_a_crash_goes_back_to_the_last_validation(tmp_path: Path) -> None:
    class Crashing(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            if batch.items[0] == "item27.0":
                raise ZeroDivisionError
            return super().loss(outputs, batch)

    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "crashed", Crashing())
    run = RunFolder(tmp_path / "crashed")
    assert run.load_state()["step"] == 15
    assert run.read_metrics()[-1]["step"] == 20
    train(tmp_path / "crashed", resume=True)
    train(tmp_path / "whole")
    same_runs(tmp_path / "whole", tmp_path / "crashed")


def test_resume_of_a_finished_run_trains_no_more(tmp_path: Path) -> None:
    first, _ = train(tmp_path)
    learner = Lines()
    again, model = train(tmp_path, learner, resume=True)
    assert again == first
    assert (learner.asked, learner.validations) == ([], 0)
    same(model.state_dict(), RunFolder(tmp_path).load_state()["model"])


def test_resume_with_nothing_saved_starts_at_the_first_step(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a")
    run.append_metrics({"step": 10, "loss": 1.0})
    train(tmp_path / "a", resume=True)
    train(tmp_path / "b")
    same_runs(tmp_path / "a", tmp_path / "b")


def test_a_constant_schedule_can_be_trained_on(tmp_path: Path) -> None:
    config = {"schedule": "constant", "validate_every": 20}
    train(tmp_path / "longer", config=config)
    train(tmp_path / "longer", config={**config, "steps": 80}, resume=True)
    train(tmp_path / "whole", config={**config, "steps": 80})
    same_runs(tmp_path / "whole", tmp_path / "longer")


def test_early_stopping_and_best_is_not_last(tmp_path: Path) -> None:
    figures = [0.1, 0.5, 0.4, math.nan, 0.5, 0.9]
    result, model = train(tmp_path, Lines(figures=figures), {"steps": 1000, "validate_every": 4, "patience": 3})
    assert (result.stopped, result.steps, result.best_step) == ("patience", 20, 8)
    assert result.best_figures == {"negative error": 0.5}
    best = network(5)
    metadata = RunFolder(tmp_path).load_weights(best)
    assert metadata["step"] == "8"
    assert metadata["value"] == "0.5"
    assert not torch.equal(best.state_dict()["0.weight"], model.state_dict()["0.weight"])
    eight, _ = train(tmp_path / "eight", Lines(figures=figures), {"steps": 8, "schedule": "constant"})
    assert eight.steps == 8


def test_best_weights_are_those_of_the_best_step(tmp_path: Path) -> None:
    config = {"schedule": "constant", "validate_every": 4}
    train(tmp_path / "a", Lines(figures=[0.1, 0.5, 0.4]), {**config, "steps": 12})
    _, last = train(tmp_path / "b", Lines(figures=[0.1, 0.5]), {**config, "steps": 8})
    best = network(5)
    RunFolder(tmp_path / "a").load_weights(best)
    same(best.state_dict(), last.state_dict())


def test_a_first_figure_of_nan_is_kept_until_a_number_comes(tmp_path: Path) -> None:
    result, _ = train(tmp_path, Lines(figures=[math.nan, -3.0, math.nan]), {"steps": 12, "validate_every": 4})
    assert (result.best_step, result.best_figures) == (8, {"negative error": -3.0})


def test_learning_rate() -> None:
    cosine = TrainConfig(steps=101, warmup_steps=21, lr=2.0)
    rates = [learning_rate(cosine, step) for step in range(101)]
    assert rates[:21] == pytest.approx([2.0 * (step + 1) / 21 for step in range(21)])
    reference = torch.optim.SGD([torch.zeros(1)], lr=2.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, T_max=79, eta_min=0.02)
    for step in range(21, 101):
        assert rates[step] == pytest.approx(schedule.get_last_lr()[0])
        reference.step()
        schedule.step()
    assert rates[-1] == pytest.approx(0.02)
    constant = TrainConfig(schedule="constant", warmup_steps=0, lr=0.5)
    assert {learning_rate(constant, step) for step in range(1000)} == {0.5}
    assert learning_rate(TrainConfig(steps=1, warmup_steps=0), 0) == 1e-3


def test_gradients_are_clipped(tmp_path: Path) -> None:
    norms: list[float] = []

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            norms.append(float(torch.cat([p.grad.flatten() for g in self.param_groups for p in g["params"]]).norm()))
            return super().step(closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "SGD", Spy)
        train(tmp_path / "a", config={"optimizer": "sgd", "clip_norm": 0.01, "steps": 10})
        noted = RunFolder(tmp_path / "a").read_metrics()[0]["grad_norm"]
        assert norms == pytest.approx([0.01] * 10, rel=1e-3)
        assert noted > 0.1, "the metrics hold the norm before clipping"
        norms.clear()
        train(tmp_path / "b", config={"optimizer": "sgd", "clip_norm": None, "steps": 10})
        assert norms[-1] == pytest.approx(RunFolder(tmp_path / "b").read_metrics()[0]["grad_norm"], rel=1e-5)
        assert norms[-1] > 0.1


def test_weight_decay_and_lr_reach_the_optimizer(tmp_path: Path) -> None:
    for name in ("adam", "adamw", "sgd"):
        train(tmp_path / name, config={"optimizer": name, "weight_decay": 0.25, "steps": 3, "schedule": "constant"})
        (group,) = RunFolder(tmp_path / name).load_state()["optimizer"]["param_groups"]
        assert (group["weight_decay"], group["lr"]) == (0.25, 1e-3 * 3 / 5)
        assert group.get("decoupled_weight_decay", False) is (name == "adamw")


def test_average_follows_the_formula_and_is_the_best_weights(tmp_path: Path) -> None:
    history: list[dict[str, Tensor]] = []

    class Watching(Lines):
        def validate(self, model: nn.Module) -> dict[str, float]:
            self.shown = model
            return super().validate(model)

    config = {"validate_every": 1, "steps": 6, "average_decay": 0.3, "weight_decay": 0.0}
    for steps in range(1, 7):
        train(tmp_path / str(steps), config={**config, "steps": steps, "schedule": "constant"})
        history.append(RunFolder(tmp_path / str(steps)).load_state()["model"])
    expected = {key: value.double() for key, value in network().state_dict().items()}
    for step, new in enumerate(history):
        decay = min(0.3, (step + 1) / (step + 10))
        for key, value in new.items():
            expected[key] = decay * expected[key] + (1 - decay) * value if value.is_floating_point() else value
    state = RunFolder(tmp_path / "6").load_state()
    for key, value in state["average"].items():
        torch.testing.assert_close(value.double(), expected[key].double(), rtol=1e-5, atol=1e-6)
    learner = Watching(figures=[1.0])
    _, model = train(tmp_path / "x", learner, {**config, "validate_every": 6})
    assert learner.shown is not model
    best = network(3)
    RunFolder(tmp_path / "x").load_weights(best)
    same(best.state_dict(), learner.shown.state_dict())


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


def test_bf16_trains_in_bfloat16_and_keeps_float32_weights(tmp_path: Path) -> None:
    seen: list[torch.dtype] = []
    model = network()
    model[0].register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    config = TrainConfig(steps=60, lr=1e-2, bf16=True, validate_every=60, warmup_steps=0)
    fit(model, Lines(), config, RunFolder(tmp_path), show=False)
    assert set(seen[:-1]) == {torch.bfloat16}
    assert seen[-1] == torch.float32, "validation runs in float32"
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    losses = [r["loss"] for r in RunFolder(tmp_path).read_metrics() if "loss" in r]
    assert losses[-1] < losses[0] / 2


def test_channels_last_reaches_the_model_and_resumes(tmp_path: Path) -> None:
    layouts: list[bool] = []

    class Images(Lines):
        def batch(self, step: int) -> Batch:
            x = torch.from_numpy(np.random.default_rng(step).standard_normal((2, 3, 5, 4), np.float32))
            return Batch((x,), x.mean((1, 2, 3)), ("a", "b"))

        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            if self.at_step(batch):
                signal.raise_signal(signal.SIGINT)
            return (outputs.mean((1, 2, 3)) - batch.targets).square().mean()

        def at_step(self, batch: Batch) -> bool:
            return torch.equal(batch.inputs[0], self.batch(12).inputs[0]) if self.spoil else False

    def run(name: str, learner: Images, resume: bool = False) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))
        model[0].register_forward_hook(
            lambda module, x, _: layouts.extend(
                t.is_contiguous(memory_format=torch.channels_last) for t in (x[0], module.weight)
            )
        )
        config = TrainConfig(steps=20, validate_every=50, channels_last=True)
        learner.figures = [0.0]
        fit(model, learner, config, RunFolder(tmp_path / name), resume=resume, show=False)

    run("whole", Images())
    run("parts", Images(spoil=1))
    assert RunFolder(tmp_path / "parts").load_state()["step"] == 13
    run("parts", Images(), resume=True)
    assert all(layouts)
    same(RunFolder(tmp_path / "whole").load_state(), RunFolder(tmp_path / "parts").load_state())


def test_config_defaults_and_descriptions() -> None:
    assert TrainConfig().model_dump() == {
        **{"steps": 1000, "batch_size": 8, "lr": 1e-3, "optimizer": "adamw", "weight_decay": 1e-2},
        **{"schedule": "cosine", "warmup_steps": 50, "clip_norm": 1.0, "average_decay": None},
        **{"validate_every": 100, "patience": None, "seed": 0},
        **{"bf16": False, "compile": False, "channels_last": False},
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


def test_nan_names_the_items(tmp_path: Path) -> None:
    message = refusal(lambda: train(tmp_path, Lines(spoil=17)))
    items = ", ".join(f"'item17.{row}'" for row in range(8))
    assert message == (
        "the loss is nan at step 18, in the batch of the items below\n"
        f"  items             {items}\n"
        "  input not finite  'item17.2'\n"
        "  help: look at these items; if they are sound, lower train.lr     [E620]"
    )
    run = RunFolder(tmp_path)
    assert run.load_state()["step"] == 15, "the state of the last validation stays"
    assert all(value.isfinite().all() for value in run.load_state()["model"].values())
    train(tmp_path, resume=True)
    train(tmp_path.with_name("whole"))
    same_runs(tmp_path.with_name("whole"), tmp_path)


def test_an_infinite_gradient_names_the_items_before_it_reaches_the_weights(tmp_path: Path) -> None:
    class Cusp(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
            return (outputs - outputs.detach()).abs().add(0.0).sqrt().sum()

    model = network()
    config = TrainConfig(steps=3, clip_norm=None)
    message = refusal(lambda: fit(model, Cusp(), config, RunFolder(tmp_path), show=False))
    items = ", ".join(f"'item0.{row}'" for row in range(8))
    assert message == (
        "the gradient is nan at step 1, in the batch of the items below\n"
        f"  items  {items}\n"
        "  help: look at these items; if they are sound, lower train.lr or set train.clip_norm     [E620]"
    )
    same(model[0].state_dict(), network()[0].state_dict())


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert refusal(lambda: train(tmp_path)) == (
        f"'{tmp_path}' already holds a finished training of 40 steps\n"
        "  help: choose another folder, or delete this one first     [E602]"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_interrupted_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path, Interrupting(6))
    assert refusal(lambda: train(tmp_path)) == (
        f"'{tmp_path}' holds a training that stopped at step 7\n"
        "  help: go on with --resume, or choose another folder     [E603]"
    )


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    train(tmp_path, Interrupting(6))
    assert refusal(lambda: train(tmp_path, config={"lr": 0.5, "steps": 50}, resume=True)) == (
        f"cannot resume '{tmp_path}': the settings of the training have changed\n"
        "  steps  40 in the run, 50 now\n"
        "  lr     0.001 in the run, 0.5 now\n"
        "  help: resume with the old values, or start anew in another folder     [E608]"
    )


def test_resume_with_another_graph_is_refused(tmp_path: Path) -> None:
    train(tmp_path, Interrupting(6))
    other = nn.Sequential(nn.Linear(4, 3))
    config = TrainConfig(steps=40, validate_every=15, warmup_steps=5)
    assert refusal(lambda: fit(other, Lines(), config, RunFolder(tmp_path), resume=True, show=False)) == (
        f"the weights of '{tmp_path}' do not fit the graph\n"
        "  size     '0.bias' (16,) in the run, (3,) in the graph\n"
        "  size     '0.weight' (16, 4) in the run, (3, 4) in the graph\n"
        "  unknown  '1.bias' (16,)\n"
        "  unknown  '1.num_batches_tracked' ()\n"
        "  unknown  '1.running_mean' (16,)\n"
        "  unknown  '1.running_var' (16,)\n"
        "  ...      and 3 more\n"
        f"  help: use the run's own graph, '{tmp_path / 'resolved.yaml'}'     [E607]"
    )


def test_a_second_training_in_one_folder_is_refused(tmp_path: Path) -> None:
    messages: list[str] = []

    class Nested(Lines):
        def validate(self, model: nn.Module) -> dict[str, float]:
            messages.append(refusal(lambda: train(tmp_path)))
            return super().validate(model)

    train(tmp_path, Nested(), {"steps": 10})
    owner = f"process {os.getpid()} on {os.uname().nodename}"
    assert messages == [
        f"'{tmp_path}' is in use by another training ({owner})\n"
        "  help: wait until it ends, stop it, or choose another folder     [E604]"
    ]


def test_a_graph_without_weights_is_refused(tmp_path: Path) -> None:
    assert refusal(lambda: fit(nn.ReLU(), Lines(), TrainConfig(), RunFolder(tmp_path), show=False)) == (
        "the graph has no weights to train\n  help: add a layer with weights, such as Conv2d or Linear     [E621]"
    )


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    class Huge(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    assert refusal(lambda: train(tmp_path, Huge())) == (
        "the memory does not suffice for a training step with batch_size 8\n"
        "  torch  CUDA out of memory. Tried to allocate 2 GiB\n"
        "  help: lower train.batch_size     [E622]"
    )


def test_a_failing_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import TorchDynamoException

    def compiled(_: nn.Module) -> Any:
        def forward(*_: Tensor) -> Tensor:
            raise TorchDynamoException("no C++ compiler found\nstack")

        return forward

    monkeypatch.setattr(torch, "compile", compiled)
    assert refusal(lambda: train(tmp_path, config={"compile": True})) == (
        "torch.compile could not compile the model\n"
        "  torch  no C++ compiler found\n"
        "  help: set train.compile to false     [E623]"
    )


def test_an_unknown_device_is_refused() -> None:
    assert as_device("cpu") == torch.device("cpu")
    message = refusal(lambda: as_device("cuba"))
    assert message.startswith("the device 'cuba' cannot be used\n  torch  ")
    assert "  help: these work here: cpu" in message
    assert message.endswith("[E624]")


def test_an_error_of_the_task_reaches_the_caller(tmp_path: Path) -> None:
    class Broken(Lines):
        def batch(self, step: int) -> Batch:
            if step == 3:
                raise LookupError("no such track")
            return super().batch(step)

    with pytest.raises(LookupError, match="no such track"):
        train(tmp_path, Broken())
    assert threading.active_count() == 1, "the thread of the batches has ended"


def test_handlers_are_restored_and_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    class Twice(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            return super().loss(outputs, batch)

    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "twice", Twice())
    assert not (tmp_path / "twice" / "state.pt").exists()
    train(tmp_path / "once", Interrupting(3, signal.SIGTERM))
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


def test_trains_outside_the_main_thread(tmp_path: Path) -> None:
    results: list[FitResult] = []
    thread = threading.Thread(target=lambda: results.append(train(tmp_path)[0]))
    thread.start()
    thread.join()
    assert results[0].stopped == "finished"


def test_lines_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path / "a", show=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"step {step}/40" for step in range(4, 41, 4)]
    assert lines[-1].count("  ") == 4
    assert "valid negative error -" in lines[-1]
    assert lines[-1].endswith("steps/s  0:00 left")
    train(tmp_path / "b", Interrupting(1), show=True)
    assert capsys.readouterr().out == (
        f"interrupted at step 2 of 40, saved in '{tmp_path / 'b'}'; the same command with --resume goes on\n"
    )
    train(tmp_path / "b", resume=True)
    assert capsys.readouterr().out == ""


def test_bar_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    train(tmp_path, show=True)
    out = capsys.readouterr().out
    assert "step 40/40" in out
    assert "loss " in out
    assert "valid negative error -" in out
    assert "steps/s" in out


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import test_training as t
from pathlib import Path

class Slow(t.Lines):
    def loss(self, outputs, batch):
        time.sleep(0.02)
        return super().loss(outputs, batch)

result, _ = t.train(Path(sys.argv[1]), Slow(), {config!r}, resume="resume" in sys.argv, show="show" in sys.argv)
print(result.stopped, result.steps, flush=True)
"""


def script(config: dict[str, Any]) -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(tests=str(Path(__file__).parent), config=config)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_from_outside_then_resume(tmp_path: Path, number: signal.Signals) -> None:
    config = {"steps": 100, "validate_every": 20, "average_decay": 0.9}
    command = [*script(config), str(tmp_path / "parts")]
    process = subprocess.Popen([*command, "show"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("step 10/100")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    state = RunFolder(tmp_path / "parts").load_state()
    assert 10 <= state["step"] < 100
    assert out.splitlines()[-2:] == [
        f"interrupted at step {state['step']} of 100, saved in '{tmp_path / 'parts'}'; "
        "the same command with --resume goes on",
        f"interrupted {state['step']}",
    ]
    train(tmp_path / "parts", config=config, resume=True)
    train(tmp_path / "whole", config=config)
    same_runs(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's own compiler warns about itself
def test_compile_gives_the_same_training(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    twin = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    twin.load_state_dict(model.state_dict())
    for name, net, compiled in (("plain", model, False), ("compiled", twin, True)):
        config = TrainConfig(steps=20, compile=compiled)
        fit(net, Lines(), config, RunFolder(tmp_path / name), show=False)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    fresh = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    assert RunFolder(tmp_path / "compiled").load_weights(fresh)["step"] == "20", "no prefix in the names"


@pytest.mark.slow
def test_two_processes_equal_one_with_both_batches(tmp_path: Path) -> None:
    """The gradient of two ranks is the mean over both batches, and the leader alone writes."""
    code = tmp_path / "train.py"
    code.write_text(
        "import sys, torch\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_training as t\n"
        "from torch import nn\n"
        "torch.manual_seed(0)\n"
        "config = t.TrainConfig(steps=20, validate_every=10, lr=1e-2)\n"
        "result = t.fit(nn.Linear(4, 3), t.Lines(), config, t.RunFolder(sys.argv[1]), show=True)\n"
        "print(result.stopped, result.steps, result.best_step, flush=True)\n"
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", str(code)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*torchrun, str(tmp_path / "two")], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr

    class Both(Lines):
        def batch(self, step: int) -> Batch:
            one, other = super().batch(2 * step), super().batch(2 * step + 1)
            x, y = (
                torch.cat(pair)
                for pair in zip((one.inputs[0], one.targets["y"]), (other.inputs[0], other.targets["y"]), strict=True)
            )
            return Batch((x,), {"y": y}, one.items + other.items)

    torch.manual_seed(0)
    config = TrainConfig(steps=20, validate_every=10, lr=1e-2)
    fit(nn.Linear(4, 3), Both(), config, RunFolder(tmp_path / "one"), show=False)
    two, one = RunFolder(tmp_path / "two"), RunFolder(tmp_path / "one")
    for key, value in one.load_state()["model"].items():
        torch.testing.assert_close(two.load_state()["model"][key], value, rtol=1e-4, atol=1e-5)
    assert [r["step"] for r in two.read_metrics()] == [r["step"] for r in one.read_metrics()]
    assert two.read_metrics()[0]["loss"] == pytest.approx(one.read_metrics()[0]["loss"], rel=1e-4)
    assert done.stdout.count("finished 20") == 2
    assert done.stdout.count("step 20/20") == 1
