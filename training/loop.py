"""The one training loop: plain torch, and every run can be resumed as if it had never stopped.

All that is random in a step is drawn from (seed, step): the batch by the task, dropout by torch's generator, which is
seeded again at each step. So the state of a training is its weights, its optimizer and a few counters, and on a CPU a
resumed run equals an uninterrupted one to the bit.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..runs.folder import RunFolder
from ..tasks.base import Batch, Learner
from ..version import __version__
from .batches import batches_ahead, on_device
from .checkpoint import Stopped, restore, state_of
from .chosen import Frozen, scales_of
from .devices import World, as_device, joined, seed_torch
from .failures import reported_plainly
from .holding import holding_of
from .interrupt import StopSignals
from .loggers.base import Loggers
from .memory_format import lay_channels_last
from .optimization import TrainConfig, follow
from .profiling import Profiling
from .progress import TrainingProgress
from .sharding import refuse_turns
from .turns import MovingTurn, only_moving, record_of, several_turns, single_turn
from .validation_loss import ValidationLoss

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
    profile: str | None = None  # the table of `profiled`


def fit(
    model: nn.Module,
    learner: Learner,
    config: TrainConfig,
    run: RunFolder,
    *,
    device: str | torch.device = "cpu",
    resume: bool = False,
    show: bool = True,
    beside: Mapping[str, Any] | None = None,
    judge: Learner | None = None,
    loggers: Loggers | None = None,
    profiled: bool = False,
) -> FitResult:
    """Train `model` in place; afterwards it has the last weights, and `run.load_weights(model)` gives the best.

    `beside` are the other models of the experiment by name: modules, which train with it, and trained ones, which only
    move to its device. Of the batches of `judge` the validation loss is taken. `loggers` get every record. Where
    it is `profiled`, some early steps are, on the leader; the run gets the trace and the result the table.

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
        training = Training(
            model,
            learner,
            config,
            run,
            world,
            beside=beside or {},
            judge=judge,
            loggers=loggers,
        )
        # Before the group of processes is left, see `release`.
        stack.callback(training.release)
        if state is not None:
            restore(training, state)
        stack.callback(training.loggers.close)
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
        profiling = Profiling(
            run.path, world.device, off=not (profiled and world.leader)
        )
        stopped = training.run_until_done(signals, progress, profiling)
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
        profiling.table,
    )


class Training:
    """Models, optimizers and counters between two steps; `step` counts the steps done."""

    def __init__(
        self,
        model: nn.Module,
        learner: Learner,
        config: TrainConfig,
        run: RunFolder,
        world: World,
        *,
        beside: Mapping[str, Any],
        judge: Learner | None = None,
        loggers: Loggers | None = None,
    ) -> None:
        self.learner = learner
        self.config = config
        self.run = run
        self.world = world
        self.holding = holding_of(model, config, world)
        self.model = self.holding.model
        self.channels_last = lay_channels_last(self.model, config, world.device)
        # Frozen ones are only read, and so are in no state; graphs that train beside the model are.
        self.parts: dict[str, nn.Module] = {}
        for name, other in beside.items():
            other.to(world.device)
            if isinstance(other, nn.Module):
                self.parts[name] = other
        # A learner may have weights of its own, such as the proxies of a metric loss, with a
        # learning rate of theirs.
        self.own: nn.Module | None = getattr(learner, "module", None)
        if self.own is not None:
            self.own.to(world.device)
        # Before the optimizer is made: it takes what needs a gradient.
        self.frozen = Frozen(self.model, config.freeze)
        self.scales = scales_of(self.model, config.lr_scales)
        self.turns = self._made_turns()
        self.average: nn.Module | None = None
        if config.average_decay:
            self.average = self.holding.twin()
        self.validation = ValidationLoss(learner, judge, world.device, config)
        self.step = 0
        self.validated = 0
        self.waited = 0
        self.best_step = 0
        self.best_figures: dict[str, float] = {}
        self.seconds = 0.0
        # Since the last record: how long steps took, and how long of that was the wait for batches.
        self.recent_s = 0.0
        self.waiting_s = 0.0
        self.saved_s = time.monotonic()
        self.loggers = loggers or Loggers()

    def _made_turns(self) -> list[MovingTurn]:
        """The turns of the learner, or the one of a learner of one model."""
        given = getattr(self.learner, "turns", None)
        device = self.world.device.type
        if given is None:
            lr_scale = getattr(self.learner, "lr_scale", 1.0)
            turn = single_turn(
                self.learner, self.model, self._forward, self.config, device
            )
            return [
                MovingTurn(
                    turn,
                    self.config,
                    self.world,
                    own=self.own,
                    lr_scale=lr_scale,
                    scales=self.scales,
                    wrapped=True,
                    shared=self.holding.shared,
                )
            ]
        if self.holding.shared:
            raise refuse_turns()
        turns = several_turns(given(self.model), self.config, device)
        known = {id(module) for module in (self.model, *self.parts.values())}
        for turn in turns:
            # What no state holds could not be resumed.
            if any(id(module) not in known for module in turn.modules):
                raise ValueError(
                    f"turn '{turn.name}' moves a module that is neither the model nor in `task.models`"
                )
        return [
            MovingTurn(turn, self.config, self.world, scales=self.scales)
            for turn in turns
        ]

    def _forward(self, *inputs: Any, **named: Any) -> Any:
        """The model as it is trained: wrapped for several processes, and compiled, once `start` was called."""
        return self.forward(*inputs, **named)

    @property
    def main(self) -> MovingTurn:
        """The turn of the experiment's own model: its loss is the one that people look at."""
        for turn in self.turns:
            if any(module is self.model for module in turn.turn.modules):
                return turn
        return self.turns[0]

    def start(self) -> None:
        """Everything restored, get ready for the first step."""
        wrapped = self.holding.wrapped()
        self.forward: Any = wrapped
        if self.config.compile:
            self.forward = torch.compile(wrapped)
        self._to_training()
        if self.world.leader:
            self.run.cut_metrics(self.step)
            self.loggers.start(self.run.path, self.step)
        # From here on a killed training can be resumed, and is never trained over.
        if self.step == 0:
            self._save_state(None)

    def _to_training(self) -> None:
        """Every norm and dropout as in training, but for those of frozen nodes."""
        self.model.train()
        self.frozen.rest()

    def release(self) -> None:
        """Let go of the wrapper for several processes, while their group still exists.

        Freed later, it would end the group's threads while it holds the interpreter's lock, which they may wait for.
        """
        if self.world.size > 1:
            self.forward = self.model
            gc.collect()

    def run_until_done(
        self, signals: StopSignals, progress: TrainingProgress, profiling: Profiling
    ) -> Stopped:
        """Steps and validations up to the end; saves the state there."""
        steps = self.config.steps
        ahead = batches_ahead(self.learner, self.world, self.step, steps)
        with ahead as batches, profiling.running():
            stopped = self._steps(batches, signals, progress, profiling)
        self._save_state(stopped)
        self.holding.hand_back()
        return stopped

    def _steps(
        self,
        batches: Iterator[Batch],
        signals: StopSignals,
        progress: TrainingProgress,
        profiling: Profiling,
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
            profiling.step()
            begin_s = time.monotonic()
            with reported_plainly(config):
                with profiling.waiting():
                    batch = next(batches)
                self.waiting_s += time.monotonic() - begin_s
                stop = self._step(batch, signals)
            took_s = time.monotonic() - begin_s
            self.seconds += took_s
            self.recent_s += took_s
            progress.advance(self.step, self.main.last)
            self._note_metrics()
            self._save_between_validations()
        return "interrupted"

    def _step(self, batch: Batch, signals: StopSignals) -> bool:
        """Every turn that is due; returns whether any process was asked to stop."""
        config = self.config
        device = self.world.device

        # All that is random comes from seed and step, so that a resumed training draws the same.
        seed_torch(device, config.seed, self.step, self.world.rank)
        batch = on_device(batch, device, self.channels_last)
        self.holding.before_step()
        stop = False
        modules = [self.model, *self.parts.values()]
        for turn in self.turns:
            if not turn.turn.is_due(self.step):
                continue
            with only_moving(turn.turn, modules):
                stop = turn.move(batch, self.step, signals) or stop

        if self.average is not None and config.average_decay is not None:
            # The first averages are short, or the random first weights would stay in them for long.
            begun = (self.step + 1) / (self.step + 10)
            follow(self.average, self.model, min(config.average_decay, begun))
        self.step += 1
        return stop

    def _note_metrics(self) -> None:
        if self.step % METRICS_EVERY and self.step != self.config.steps:
            return
        record = record_of(self.turns, self.main, self.step)
        record["seconds"] = round(self.seconds, 3)
        # A share near 0 says that batches are made faster than the model takes them.
        record["waiting"] = round(self.waiting_s / max(self.recent_s, 1e-9), 3)
        self.recent_s = 0.0
        self.waiting_s = 0.0
        if self.world.leader:
            self._log(record)

    def _log(self, record: dict[str, Any]) -> None:
        self.run.append_metrics(record)
        self.loggers.record(record)

    def _validate(self, progress: TrainingProgress) -> None:
        """Validate on the leader; keep the weights if they are the best, and save the state."""
        begin_s = time.monotonic()
        # The average is what will be used, so it is what must be judged.
        used = self.model if self.average is None else self.average
        judged = self.holding.judged(used)
        if self.world.leader:
            found = self.learner.validate(judged, progress.validating)
            figures = {name: float(value) for name, value in found.items()}
            figures |= self.validation.of(judged, figures)
            self._to_training()
            self._log({"step": self.step, "valid": figures})
            self._keep_best(judged, figures)
            figure = self.learner.figure
            progress.validated(figure, figures[figure])
        self.holding.after_validation()
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
        better = value > best
        if getattr(self.learner, "smaller_is_better", False):
            better = value < best
        if not math.isnan(best) and not better:
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
        for name, module in self.parts.items():
            self.run.part(name).save_weights(module, about)

    def _save_between_validations(self) -> None:
        """Every few minutes, so that a crash loses minutes and not hours."""
        if self.step % METRICS_EVERY and self.holding.shared:
            return
        due = time.monotonic() - self.saved_s >= SAVE_EVERY_S
        if self.holding.all_agree(due):
            self._save_state(None)

    def _save_state(self, stopped: Stopped | None) -> None:
        self.saved_s = time.monotonic()
        # What lies in shares comes together in every process; one of them writes it.
        if self.world.leader or self.holding.shared:
            state = self.holding.state(state_of(self, stopped))
            if self.world.leader:
                self.run.save_state(state)
