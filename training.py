"""The one training loop: plain torch, and every run can be resumed as if it had never stopped.

All that is random in a step is drawn from (seed, step): the batch by the task, dropout by torch's generator, which is
seeded anew at each step. So the state of a training is its weights, its optimizer and a few counters, and on a CPU a
resumed run equals an uninterrupted one to the bit.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from . import __version__
from .distributed import World, joined
from .errors import RunError
from .interrupt import StopSignals
from .progress import TrainingProgress
from .runs import RunFolder
from .tasks.base import Batch, Learner

METRICS_EVERY = 10  # steps that one line of metrics.jsonl sums up
LAST_LR = 0.01  # where the cosine ends, as a part of lr
MOMENTUM = 0.9

Stopped = Literal["finished", "patience", "interrupted"]


class TrainConfig(BaseModel):
    """The section `train:` of an experiment."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    steps: PositiveInt = Field(1000, description="training steps, one batch each")
    batch_size: PositiveInt = Field(8, description="items in a batch")
    lr: PositiveFloat = Field(1e-3, description="the highest learning rate")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", description="sgd has a momentum of 0.9")
    weight_decay: NonNegativeFloat = Field(1e-2, description="decoupled for adamw, an L2 penalty for adam and sgd")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="cosine falls to 1 % of lr at the last step")
    warmup_steps: NonNegativeInt = Field(50, description="steps in which the learning rate rises linearly to lr")
    clip_norm: PositiveFloat | None = Field(1.0, description="upper limit of the gradient's norm; null: no limit")
    average_decay: float | None = Field(
        None, gt=0, lt=1, description="validate and keep a moving average of the weights with this decay; null: none"
    )
    validate_every: PositiveInt = Field(100, description="steps from one validation to the next")
    patience: PositiveInt | None = Field(
        None, description="stop after so many validations without a better figure; null: never"
    )
    seed: NonNegativeInt = Field(0, description="of the first weights, the batches and dropout")
    bf16: bool = Field(False, description="run the model in bfloat16 where torch's autocast holds it safe")
    compile: bool = Field(False, description="train through torch.compile")
    channels_last: bool = Field(False, description="keep 4-D tensors channels-last, faster for some convolutions")


@dataclass(frozen=True)
class FitResult:
    """How a training ended. `best_step` is 0 and `best_figures` empty if it never validated."""

    best_step: int
    best_figures: dict[str, float]
    stopped: Stopped
    seconds: float
    steps: int


def fit(
    model: nn.Module,
    learner: Learner,
    config: TrainConfig,
    run: RunFolder,
    *,
    device: str | torch.device = "cpu",
    resume: bool = False,
    show: bool = True,
) -> FitResult:
    """Train `model` in place; afterwards it has the last weights, and `run.load_weights(model)` gives the best.

    SIGINT and SIGTERM end it after the step at hand with everything saved; a second signal ends it at once. Under
    torchrun the processes share each step: rank r takes the batch step · world + r.

    Raises RunError: E602, E603 the folder holds a training and `resume` is false; E604 another process trains into
    it; E606, E607, E608 the saved state cannot be resumed; E620 NaN; E621-E624 model, memory, compiler, device.
    """
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(joined(as_device(device)))
        if world.leader:
            stack.enter_context(run.locked())
        state = run.state_to_resume(resume)
        training = _Training(model, learner, config, run, world)
        if state is not None:
            training.restore(state)
        training.start()
        cuda = [world.device] if world.device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(cuda))  # the caller's random numbers stay as they were
        signals = stack.enter_context(StopSignals())
        progress = stack.enter_context(TrainingProgress(config.steps, training.step, show and world.leader))
        stopped = training.run_until_done(signals, progress)
    if stopped == "interrupted" and show and world.leader:
        print(
            f"interrupted at step {training.step} of {config.steps}, saved in '{run.path}'; "
            "the same command with --resume goes on",
            flush=True,
        )
    return FitResult(training.best_step, training.best_figures, stopped, training.seconds, training.step)


def learning_rate(config: TrainConfig, step: int) -> float:
    """The learning rate of step 0, 1, ...: a linear rise, then constant or half a cosine."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.lr
    done = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)
    return config.lr * (LAST_LR + (1 - LAST_LR) * (1 + math.cos(math.pi * min(1.0, done))) / 2)


def as_device(name: str | torch.device) -> torch.device:
    """The torch device of this name, once it has proved to work. Raises E624."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        works = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
        raise RunError(
            f"the device '{name}' cannot be used",
            code="E624",
            facts=[("torch", str(error).strip().splitlines()[0])],
            help=f"these work here: {', '.join(works)}",
        ) from error
    return device


class _Training:
    """Model, optimizer and counters between two steps; `step` counts the steps done."""

    def __init__(self, model: nn.Module, learner: Learner, config: TrainConfig, run: RunFolder, world: World) -> None:
        self.learner, self.config, self.run, self.world = learner, config, run, world
        self.model = model.to(world.device)
        if config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _optimizer(self.model, config, world.device)
        self.average = copy.deepcopy(self.model) if config.average_decay else None
        self.step = self.validated = self.waited = self.best_step = 0
        self.best_figures: dict[str, float] = {}
        self.losses: list[float] = []
        self.seconds = 0.0

    def start(self) -> None:
        """Everything restored, get ready for the first step."""
        wrapped = self.world.wrap(self.model)
        self.forward: Any = torch.compile(wrapped) if self.config.compile else wrapped
        self.model.train()
        if self.world.leader:
            self.run.cut_metrics(self.step)

    def run_until_done(self, signals: StopSignals, progress: TrainingProgress) -> Stopped:
        with _batches(self.learner, self.world, self.step, self.config.steps) as batches:
            stopped = self._steps(batches, signals, progress)
        self._save_state(stopped)
        return stopped

    def _steps(self, batches: Iterator[Batch], signals: StopSignals, progress: TrainingProgress) -> Stopped:
        stop, patience = False, self.config.patience
        while not stop:
            due = self.step % self.config.validate_every == 0 or self.step == self.config.steps
            if due and self.validated < self.step:
                self._validate(progress)
            if self.step >= self.config.steps:
                return "finished"
            if patience is not None and self.waited >= patience:
                return "patience"
            begin_s = time.monotonic()
            with _told_plainly(self.config):
                stop = self._step(next(batches), signals)
            self.seconds += time.monotonic() - begin_s
            progress.advance(self.step, self.losses[-1])
            self._note_metrics()
        return "interrupted"
