"""The one training loop: plain torch, and every run can be resumed as if it had never stopped.

All that is random in a step is drawn from (seed, step): the batch by the task, dropout by torch's generator, which is
seeded again at each step. So the state of a training is its weights, its optimizer and a few counters, and on a CPU a
resumed run equals an uninterrupted one to the bit.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..runs.folder import RunFolder
from ..tasks.base import Batch, Learner
from ..version import __version__
from .batches import batches_ahead, on_device
from .checkpoint import Stopped, restore, state_of
from .devices import World, as_device, joined, seed_torch
from .failures import refuse_not_finite, reported_plainly
from .interrupt import StopSignals
from .memory_format import lay_channels_last
from .optimization import TrainConfig, follow, learning_rate, make_optimizer, trainable
from .progress import TrainingProgress
from .side_losses import SideLossMeans, added, side_losses

__all__ = ["FitResult", "TrainConfig", "fit"]

METRICS_EVERY = 10  # steps that one line of metrics.jsonl sums up
SAVE_EVERY_S = 300.0  # a machine that goes down costs no more than this, however far apart the validations are


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
        # Under the lock, since another process may just be writing what is read here.
        state = run.state_to_resume(resume)
        training = Training(model, learner, config, run, world)
        if state is not None:
            restore(training, state)
        training.start()
        # The caller's random numbers stay as they were: each step seeds torch's generators.
        cuda = []
        if world.device.type == "cuda":
            cuda = [world.device]
        stack.enter_context(torch.random.fork_rng(cuda))
        signals = stack.enter_context(StopSignals())
        progress = stack.enter_context(
            TrainingProgress(config.steps, training.step, show and world.leader)
        )
        stopped = training.run_until_done(signals, progress)
    if stopped == "interrupted" and show and world.leader:
        print(
            f"interrupted at step {training.step} of {config.steps}, saved in '{run.path}'; "
            "the same command with --resume goes on",
            flush=True,
        )
    return FitResult(
        training.best_step,
        training.best_figures,
        stopped,
        training.seconds,
        training.step,
    )


class Training:
    """Model, optimizer and counters between two steps; `step` counts the steps done."""

    def __init__(
        self,
        model: nn.Module,
        learner: Learner,
        config: TrainConfig,
        run: RunFolder,
        world: World,
    ) -> None:
        self.learner = learner
        self.config = config
        self.run = run
        self.world = world
        self.model = model.to(world.device)
        self.channels_last = lay_channels_last(self.model, config, world.device)
        # A learner may have weights of its own, such as the proxies of a metric loss, with a
        # learning rate of theirs.
        self.own: nn.Module | None = getattr(learner, "module", None)
        if self.own is not None:
            self.own.to(world.device)
        lr_scale = getattr(learner, "lr_scale", 1.0)
        self.optimizer = make_optimizer(
            self.model, config, world.device, self.own, lr_scale
        )
        self.average: nn.Module | None = None
        if config.average_decay:
            self.average = copy.deepcopy(self.model)
        self.step = 0
        self.validated = 0
        self.waited = 0
        self.best_step = 0
        self.best_figures: dict[str, float] = {}
        self.losses: list[float] = []
        self.sides = SideLossMeans()
        self.seconds = 0.0
        self.saved_s = time.monotonic()

    @property
    def side_values(self) -> dict[str, list[float]]:
        """The side losses of the steps that metrics.jsonl does not have yet."""
        return self.sides.values

    @side_values.setter
    def side_values(self, values: dict[str, list[float]]) -> None:
        self.sides.values = values

    def start(self) -> None:
        """Everything restored, get ready for the first step."""
        wrapped = self.world.wrap(self.model)
        self.forward: Any = wrapped
        if self.config.compile:
            self.forward = torch.compile(wrapped)
        self.model.train()
        if self.world.leader:
            self.run.cut_metrics(self.step)
        # From here on a killed training can be resumed, and is never trained over.
        if self.step == 0:
            self._save_state(None)

    def run_until_done(
        self, signals: StopSignals, progress: TrainingProgress
    ) -> Stopped:
        """Steps and validations up to the end; saves the state there."""
        steps = self.config.steps
        with batches_ahead(self.learner, self.world, self.step, steps) as batches:
            stopped = self._steps(batches, signals, progress)
        self._save_state(stopped)
        return stopped

    def _steps(
        self, batches: Iterator[Batch], signals: StopSignals, progress: TrainingProgress
    ) -> Stopped:
        config = self.config
        stop = False
        while not stop:
            # The last step always validates, even where its number is not a multiple of validate_every.
            at_end = self.step >= config.steps
            due = at_end or self.step % config.validate_every == 0
            if due and self.validated < self.step:
                self._validate(progress)
            if at_end:
                return "finished"
            if config.patience is not None and self.waited >= config.patience:
                return "patience"
            begin_s = time.monotonic()
            with reported_plainly(config):
                stop = self._step(next(batches), signals)
            self.seconds += time.monotonic() - begin_s
            progress.advance(self.step, self.losses[-1])
            self._note_metrics()
            # Between validations too, so that a crash loses minutes and not hours.
            if time.monotonic() - self.saved_s >= SAVE_EVERY_S:
                self._save_state(None)
        return "interrupted"

    def _step(self, batch: Batch, signals: StopSignals) -> bool:
        """One update of the weights; returns whether any process was asked to stop."""
        config = self.config
        device = self.world.device

        # All that is random comes from seed and step, so that a resumed training draws the same.
        seed_torch(device, config.seed, self.step, self.world.rank)
        batch = on_device(batch, device, self.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
            outputs = self.forward(*batch.inputs)
        if config.bf16:
            outputs = outputs.float()

        # The loss is judged before its gradient: one step further, a NaN would be in every weight.
        sides = side_losses(self.model)
        loss = added(self.learner.loss(outputs, batch), sides)
        value, stop = self.world.mean(loss, signals.requested)
        refuse_not_finite("loss", value, self.step, batch, self.world, config)

        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.world.average_gradients(self.own)
        # Without a limit the norm is still computed: it is logged, and shows a NaN in a single weight.
        limit = math.inf
        if config.clip_norm is not None:
            limit = config.clip_norm
        self.grad_norm = float(nn.utils.clip_grad_norm_(trainable(self.model), limit))
        refuse_not_finite(
            "gradient", self.grad_norm, self.step, batch, self.world, config
        )

        # Computed from the step alone, so the schedule needs no state that a resumed training would have to restore.
        for group in self.optimizer.param_groups:
            scale = group.get("lr_scale", 1.0)
            group["lr"] = learning_rate(config, self.step) * scale
        self.optimizer.step()
        if self.average is not None and config.average_decay is not None:
            # The first averages are short, or the random first weights would stay in them for long.
            begun = (self.step + 1) / (self.step + 10)
            follow(self.average, self.model, min(config.average_decay, begun))
        self.step += 1
        self.losses.append(value)
        self.sides.add(sides)
        return stop

    def _note_metrics(self) -> None:
        if self.step % METRICS_EVERY and self.step != self.config.steps:
            return
        record: dict[str, Any] = {
            "step": self.step,
            "loss": math.fsum(self.losses) / len(self.losses),
            "lr": learning_rate(self.config, self.step - 1),
            "grad_norm": self.grad_norm,
            "seconds": round(self.seconds, 3),
        }
        sides = self.sides.take()
        if sides:
            record["side_losses"] = sides
        self.losses.clear()
        if self.world.leader:
            self.run.append_metrics(record)

    def _validate(self, progress: TrainingProgress) -> None:
        """Validate on the leader; keep the weights if they are the best, and save the state."""
        begin_s = time.monotonic()
        if self.world.leader:
            # The average is what will be used, so it is what must be judged.
            judged = self.model if self.average is None else self.average
            found = self.learner.validate(judged, progress.validating)
            figures = {name: float(value) for name, value in found.items()}
            self.model.train()
            self.run.append_metrics({"step": self.step, "valid": figures})
            self._keep_best(judged, figures)
            figure = self.learner.figure
            progress.validated(figure, figures[figure])
        # Every process must know when patience ends, and only the leader has validated.
        self.waited = self.world.share(self.waited)
        self.validated = self.step
        self.seconds += time.monotonic() - begin_s
        self._save_state(None)

    def _keep_best(self, judged: nn.Module, figures: dict[str, float]) -> None:
        """Write the weights where they are better than all before; of equal ones the first stay."""
        figure = self.learner.figure
        value = figures[figure]
        # A first figure of NaN must not stay the best: anything after it counts as better.
        best = self.best_figures.get(figure, math.nan)
        self.waited += 1
        if not math.isnan(best) and not value > best:
            return
        self.best_step = self.step
        self.best_figures = figures
        self.waited = 0
        about = {
            "mirbricks": __version__,
            "step": str(self.step),
            "figure": figure,
            "value": repr(value),
        }
        self.run.save_weights(judged, about)

    def _save_state(self, stopped: Stopped | None) -> None:
        self.saved_s = time.monotonic()
        if self.world.leader:
            self.run.save_state(state_of(self, stopped))
