"""The training loop beside Lightning's: the same model, batches, loss, optimizer and schedule, runs taken in turns.

    pip install "mirbricks[bench]"
    python bench/bench_lightning.py                                a Markdown table
    python bench/bench_lightning.py --write docs/performance.md    the same, put between the markers in the file

Seconds of a core from one loss to the next, so that the start of either is not counted. Both clip gradients, change the
learning rate at every step and log the loss; ours also looks for NaN, draws every step from its own seed, and saves the
state. Lightning has no logger, no checkpoints, no bar and no sanity check.
"""

from __future__ import annotations

import functools
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import lightning
import torch
from page import parser_of, publish
from ratios import Ratio, in_ms
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import mirbricks as mb
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import fit
from mirbricks.training.optimization import TrainConfig, learning_rate

FIRST_STEPS = 10  # which also make what later ones find ready
CASES = {
    "4 × (Linear 64, ReLU), batch of 32": (32, 64, 60),
    "16 × (Linear 256, ReLU), batch of 64": (64, 256, 60),
}


def network(width: int) -> nn.Module:
    """A chain of linear layers, compiled from a graph."""
    layers: list[object] = []
    for _ in range(4 if width == 64 else 16):
        layers += [{"Linear": {"out_features": width}}, "ReLU"]
    torch.manual_seed(0)
    return mb.compile_graph({"input": f"B D={width}", "layers": layers})


class Noise:
    """Batches of noise, and the time of every loss."""

    figure = "error"

    def __init__(self, batch_size: int, width: int) -> None:
        self.shape = (batch_size, width)
        self.items = tuple(map(str, range(batch_size)))
        self.times_s: list[float] = []

    def batch(self, step: int) -> Batch:
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(self.shape, generator=generator)
        return Batch((x,), x, self.items)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        self.times_s.append(time.process_time())
        return (outputs - batch.targets).square().mean()

    def validate(self, model: nn.Module, on_track: object) -> dict[str, float]:  # noqa: ARG002  # there is nothing to validate on
        return {self.figure: 0.0}

    def step_s(self) -> float:
        """The time of a step, the first ones left out."""
        found = self.times_s[FIRST_STEPS:]
        return (found[-1] - found[0]) / (len(found) - 1)


class Numbered(Dataset[Tensor]):
    """The same batches for Lightning."""

    def __init__(self, learner: Noise, steps: int) -> None:
        self.learner = learner
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Tensor:
        return self.learner.batch(step).inputs[0]


class Module(lightning.LightningModule):
    """The model as Lightning trains it."""

    def __init__(self, model: nn.Module, learner: Noise, config: TrainConfig) -> None:
        super().__init__()
        self.model = model
        self.learner = learner
        self.config = config

    def training_step(self, x: Tensor, index: int) -> Tensor:  # noqa: ARG002  # Lightning gives it
        loss = self.learner.loss(self.model(x), Batch((x,), x, self.learner.items))
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        config = self.config
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate(config, step) / config.lr
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def ours(width: int, batch_size: int, config: TrainConfig) -> float:
    learner = Noise(batch_size, width)
    with tempfile.TemporaryDirectory() as folder:
        fit(network(width), learner, config, RunFolder.create(folder), show=False)
    return learner.step_s()


def theirs(width: int, batch_size: int, config: TrainConfig) -> float:
    learner = Noise(batch_size, width)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=config.steps,
        gradient_clip_val=config.clip_norm,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = DataLoader(Numbered(learner, config.steps), batch_size=None)
    trainer.fit(Module(network(width), learner, config), batches)
    return learner.step_s()


def rows(n_runs: int) -> list[str]:
    table = [
        "| model | Lightning, a step | mirbricks, a step | times faster |",
        "|---|---:|---:|---:|",
    ]
    for name, (batch_size, width, steps) in CASES.items():
        config = TrainConfig(steps=steps, validate_every=steps)
        calls: list[Callable[[], float]] = [
            functools.partial(one, width, batch_size, config) for one in (theirs, ours)
        ]
        pairs = [[call() for call in calls] for _ in range(n_runs)]
        lightnings, mine = ([pair[i] for pair in pairs] for i in (0, 1))
        ratio = Ratio.of(lightnings, mine)
        table.append(f"| {name} | {in_ms(lightnings)} | {in_ms(mine)} | {ratio} |")
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    note = (
        f"Seconds of a core, median of {arguments.runs} trainings taken in turns, one thread. "
        f"torch {torch.__version__}, lightning {version('lightning')}, {os.cpu_count()} cores."
    )
    publish("\n".join([*rows(arguments.runs), "", note]), arguments, "lightning")


if __name__ == "__main__":
    main()
