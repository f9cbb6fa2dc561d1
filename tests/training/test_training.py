"""The training loop: it learns, stops, and names what went wrong."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch, OnTrack
from mirbricks.training.devices import as_device
from mirbricks.training.loop import FitResult, TrainConfig, fit

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import (
    Lines,
    network,
    refusal,
    same,
    same_runs,
    train,
)  # beside this file


def test_learns_and_keeps_best_and_metrics(tmp_path: Path) -> None:
    learner = Lines()
    result, model = train(tmp_path, learner, {"steps": 150, "lr": 2e-2})
    assert (result.stopped, result.steps) == ("finished", 150)
    records = RunFolder(tmp_path).read_metrics()
    losses = [record["loss"] for record in records if "loss" in record]
    assert len(losses) == 15
    assert losses[-1] < losses[0] / 3
    always = {"step", "loss", "lr", "grad_norm", "seconds", "waiting"}
    assert set(records[0]) == always
    assert set(records[1]) == {"step", "valid"}
    valid = {record["step"]: record["valid"] for record in records if "valid" in record}
    assert list(valid) == list(range(15, 151, 15))
    assert result.best_figures == valid[result.best_step]
    assert result.best_figures["negative error"] == max(
        v["negative error"] for v in valid.values()
    )
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


def test_equal_seeds_equal_runs_and_the_callers_random_state_stays(
    tmp_path: Path,
) -> None:
    before = torch.get_rng_state()
    train(tmp_path / "a")
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(7)
    train(tmp_path / "b")
    same_runs(tmp_path / "a", tmp_path / "b")
    train(tmp_path / "c", config={"seed": 1})
    one, other = (
        RunFolder(tmp_path / name).load_state()["model"]["0.weight"] for name in "ac"
    )
    assert not torch.equal(one, other), "dropout draws from the seed"


def test_early_stopping_and_best_is_not_last(tmp_path: Path) -> None:
    figures = [0.1, 0.5, 0.4, math.nan, 0.5, 0.9]
    result, model = train(
        tmp_path,
        Lines(figures=figures),
        {"steps": 1000, "validate_every": 4, "patience": 3},
    )
    assert (result.stopped, result.steps, result.best_step) == ("patience", 20, 8)
    assert result.best_figures == {"negative error": 0.5}
    best = network(5)
    metadata = RunFolder(tmp_path).load_weights(best)
    assert metadata["step"] == "8"
    assert metadata["value"] == "0.5"
    assert not torch.equal(
        best.state_dict()["0.weight"], model.state_dict()["0.weight"]
    )
    eight, _ = train(
        tmp_path / "eight", Lines(figures=figures), {"steps": 8, "schedule": "constant"}
    )
    assert eight.steps == 8


def test_best_weights_are_those_of_the_best_step(tmp_path: Path) -> None:
    config = {"schedule": "constant", "validate_every": 4}
    train(tmp_path / "a", Lines(figures=[0.1, 0.5, 0.4]), {**config, "steps": 12})
    _, last = train(tmp_path / "b", Lines(figures=[0.1, 0.5]), {**config, "steps": 8})
    best = network(5)
    RunFolder(tmp_path / "a").load_weights(best)
    same(best.state_dict(), last.state_dict())


def test_a_first_figure_of_nan_is_kept_until_a_number_comes(tmp_path: Path) -> None:
    result, _ = train(
        tmp_path,
        Lines(figures=[math.nan, -3.0, math.nan]),
        {"steps": 12, "validate_every": 4},
    )
    assert (result.best_step, result.best_figures) == (8, {"negative error": -3.0})


def test_bf16_trains_in_bfloat16_and_keeps_float32_weights(tmp_path: Path) -> None:
    seen: list[torch.dtype] = []
    model = network()
    model[0].register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    config = TrainConfig(
        steps=60, lr=1e-2, bf16=True, validate_every=60, warmup_steps=0
    )
    fit(model, Lines(), config, RunFolder(tmp_path), show=False)
    assert set(seen[:-1]) == {torch.bfloat16}
    assert seen[-1] == torch.float32, "validation runs in float32"
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    losses = [r["loss"] for r in RunFolder(tmp_path).read_metrics() if "loss" in r]
    assert losses[-1] < losses[0] / 2


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


def test_nan_is_found_at_its_node(tmp_path: Path) -> None:
    """Inputs are sound, and a layer makes of them what is not: it is named with its line."""
    graph = tmp_path / "graph.yaml"
    graph.write_text(
        "input: B C=4\nlayers:\n  - Linear: {out_features: 8}\n"
        "  - ReLU\n  - Linear: {name: head, out_features: 3}\n  - Sigmoid\n"
    )
    model = mb.compile_graph(graph)
    with torch.no_grad():
        model.get_parameter("head.weight")[1, 2] = math.inf
    config = TrainConfig(steps=3)
    run = RunFolder(tmp_path / "run")
    message = refusal(lambda: fit(model, Lines(), config, run, show=False))
    assert "  first in  Linear 'head', line 5\n" in message
    assert "the loss is nan at step 1" in message


def test_an_infinite_gradient_names_the_items_before_it_reaches_the_weights(
    tmp_path: Path,
) -> None:
    class Cusp(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
            return (outputs - outputs.detach()).abs().add(0.0).sqrt().sum()

    model = network()
    config = TrainConfig(steps=3, clip_norm=None)
    message = refusal(
        lambda: fit(model, Cusp(), config, RunFolder(tmp_path), show=False)
    )
    items = ", ".join(f"'item0.{row}'" for row in range(8))
    assert message == (
        "the gradient is nan at step 1, in the batch of the items below\n"
        f"  items  {items}\n"
        "  help: look at these items; if they are sound, lower train.lr or set train.clip_norm     [E620]"
    )
    same(model[0].state_dict(), network()[0].state_dict())


def test_a_second_training_in_one_folder_is_refused(tmp_path: Path) -> None:
    messages: list[str] = []

    class Nested(Lines):
        def validate(self, model: nn.Module, on_track: OnTrack) -> dict[str, float]:
            messages.append(refusal(lambda: train(tmp_path)))
            return super().validate(model, on_track)

    train(tmp_path, Nested(), {"steps": 10})
    owner = f"process {os.getpid()} on {os.uname().nodename}"
    assert messages == [
        f"'{tmp_path}' is in use by another training ({owner})\n"
        "  help: wait until it ends, stop it, or choose another folder     [E604]"
    ]


def test_a_graph_without_weights_is_refused(tmp_path: Path) -> None:
    assert refusal(
        lambda: fit(nn.ReLU(), Lines(), TrainConfig(), RunFolder(tmp_path), show=False)
    ) == (
        "the graph has no weights to train\n  help: add a layer with weights, such as Conv2d or Linear     [E621]"
    )


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    class Huge(Lines):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2 GiB\nmore"
            )

    assert refusal(lambda: train(tmp_path, Huge())) == (
        "out of memory in a training step with batch_size 8\n"
        "  torch  CUDA out of memory. Tried to allocate 2 GiB\n"
        "  help: lower train.batch_size     [E622]"
    )


def test_a_failing_compiler_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    before = threading.active_count()
    with pytest.raises(LookupError, match="no such track"):
        train(tmp_path, Broken())
    assert threading.active_count() == before, "the thread of the batches has ended"


def test_trains_outside_the_main_thread(tmp_path: Path) -> None:
    results: list[FitResult] = []
    thread = threading.Thread(target=lambda: results.append(train(tmp_path)[0]))
    thread.start()
    thread.join()
    assert results[0].stopped == "finished"


@pytest.mark.slow
@pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))),
    reason="torch.compile needs a C++ compiler",
)
@pytest.mark.filterwarnings("ignore")  # torch's own compiler warns about itself
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
    assert RunFolder(tmp_path / "compiled").load_weights(fresh)["step"] == "20", (
        "no prefix in the names"
    )


@pytest.mark.slow
def test_two_processes_equal_one_with_both_batches(tmp_path: Path) -> None:
    """The gradient of two ranks is the mean over both batches, and the leader alone writes."""
    code = tmp_path / "train.py"
    code.write_text(
        "import sys, torch\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import toy_training as t\n"
        "from torch import nn\n"
        "torch.manual_seed(0)\n"
        "config = t.TrainConfig(steps=20, validate_every=10, lr=1e-2)\n"
        "result = t.fit(nn.Linear(4, 3), t.Lines(), config, t.RunFolder(sys.argv[1]), show=True)\n"
        "print(result.stopped, result.steps, result.best_step, flush=True)\n"
    )
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        str(code),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, str(tmp_path / "two")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr

    class Both(Lines):
        def batch(self, step: int) -> Batch:
            one, other = super().batch(2 * step), super().batch(2 * step + 1)
            x, y = (
                torch.cat(pair)
                for pair in zip(
                    (one.inputs[0], one.targets["y"]),
                    (other.inputs[0], other.targets["y"]),
                    strict=True,
                )
            )
            return Batch((x,), {"y": y}, one.items + other.items)

    torch.manual_seed(0)
    config = TrainConfig(steps=20, validate_every=10, lr=1e-2)
    fit(nn.Linear(4, 3), Both(), config, RunFolder(tmp_path / "one"), show=False)
    two, one = RunFolder(tmp_path / "two"), RunFolder(tmp_path / "one")
    for key, value in one.load_state()["model"].items():
        torch.testing.assert_close(
            two.load_state()["model"][key], value, rtol=1e-4, atol=1e-5
        )
    assert [r["step"] for r in two.read_metrics()] == [
        r["step"] for r in one.read_metrics()
    ]
    assert two.read_metrics()[0]["loss"] == pytest.approx(
        one.read_metrics()[0]["loss"], rel=1e-4
    )
    assert done.stdout.count("finished 20") == 2
    assert done.stdout.count("step 20/20") == 1
