"""One turn of a training step: forward, loss, gradients and the update of the modules that it moves."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..tasks.base import Batch, Learner
from ..tasks.turns import Loss, Turn
from .devices import World
from .failures import first_not_finite, refuse_not_finite
from .interrupt import StopSignals
from .means import Means
from .optimization import (
    TrainConfig,
    learning_rate,
    make_optimizer,
    settings_of,
    trainable,
)
from .sharding import clip
from .side_losses import added, side_losses

MODEL = "model"  # the turn of a learner that has no turns of its own


class MovingTurn:
    """A turn with its optimizer, and the figures of its last steps.

    Attributes
    ----------
    values, parts, sides : Means
        The loss, its parts by name, and the side losses of blocks, since metrics.jsonl last got them.
    last : float
        The loss of its last step.
    grad_norm : float
        The norm of the last gradient, before it was clipped.
    """

    def __init__(
        self,
        turn: Turn,
        config: TrainConfig,
        world: World,
        *,
        own: nn.Module | None = None,
        lr_scale: float = 1.0,
        scales: Mapping[int, float] | None = None,
        wrapped: bool = False,
        shared: bool = False,
    ) -> None:
        """`own` are weights of the learner, and `wrapped` says that torch averages the model's gradients itself.

        `shared` says that the weights lie in shares over the processes.

        `scales` are factors of the learning rate of single weights, by their ids.
        """
        self.turn = turn
        self.config = settings_of(config, turn.optimizer)
        self.world = world
        self.own = own
        self.wrapped = wrapped
        self.shared = shared
        self.optimizer = make_optimizer(
            turn.modules, self.config, world.device, own, lr_scale, scales
        )
        self.values: list[float] = []
        self.parts = Means()
        self.sides = Means()
        self.grad_norm = math.nan
        self.last = math.nan

    @property
    def name(self) -> str:
        return self.turn.name

    def move(self, batch: Batch, step: int, signals: StopSignals) -> bool:
        """One update of the weights; returns whether any process was asked to stop."""
        parts = self.turn.loss(batch)
        sides: dict[str, Tensor] = {}
        for module in self.turn.modules:
            sides |= side_losses(module)

        # The loss is judged before its gradient: one step further, a NaN would be in every weight.
        loss = added(total(parts), sides)
        value, stop = self.world.mean(loss, signals.requested)
        self._refuse_not_finite("loss", value, step, batch)

        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._average_gradients()
        self._clip()
        self._refuse_not_finite("gradient", self.grad_norm, step, batch)

        # Computed from the step alone, so the schedule needs no state that a resumed training would have to restore.
        for group in self.optimizer.param_groups:
            scale = group.get("lr_scale", 1.0)
            group["lr"] = learning_rate(self.config, step) * scale
        self.optimizer.step()

        self.last = value
        self.values.append(value)
        self.sides.add(sides)
        if isinstance(parts, Mapping):
            self.parts.add(parts)
        return stop

    def _refuse_not_finite(
        self, what: str, value: float, step: int, batch: Batch
    ) -> None:
        def first_layer() -> str | None:
            # Several processes would wait for each other in the middle of the search.
            if self.world.size > 1:
                return None
            return first_not_finite(self.turn.modules, lambda: self.turn.loss(batch))

        refuse_not_finite(
            what, value, step, batch, self.world, self.config, first_layer
        )

    def _average_gradients(self) -> None:
        self.world.average_gradients(self.own)
        if self.wrapped:
            return
        for module in self.turn.modules:
            self.world.average_gradients(module)

    def _clip(self) -> None:
        """Without a limit the norm is still computed: it is logged, and shows a NaN in a single weight."""
        limit = math.inf
        if self.config.clip_norm is not None:
            limit = self.config.clip_norm
        weights = [
            weight for module in self.turn.modules for weight in trainable(module)
        ]
        if self.shared:
            self.grad_norm = clip(weights, limit)
        else:
            self.grad_norm = float(nn.utils.clip_grad_norm_(weights, limit))


def total(parts: Loss) -> Tensor:
    """The loss that is minimised: of several by name their sum."""
    if isinstance(parts, Tensor):
        return parts
    return torch.stack(list(parts.values())).sum()


def single_turn(
    learner: Learner,
    model: nn.Module,
    forward: Callable[..., Any],
    config: TrainConfig,
    device: str,
) -> Turn:
    """The turn of a learner of one model; `forward` is the model, perhaps wrapped or compiled."""

    def loss(batch: Batch) -> Loss:
        with torch.autocast(device, torch.bfloat16, enabled=config.bf16):
            outputs = forward(*batch.inputs, **batch.named)
        if config.bf16:
            outputs = _in_single_precision(outputs)
        return learner.loss(outputs, batch)

    return Turn(MODEL, (model,), loss)


def _in_single_precision(outputs: Any) -> Any:
    if isinstance(outputs, Mapping):
        return {name: value.float() for name, value in outputs.items()}
    return outputs.float()


def several_turns(
    turns: Sequence[Turn], config: TrainConfig, device: str
) -> list[Turn]:
    """The turns of a learner, each in the precision of the training."""
    found = []
    for turn in turns:
        found.append(
            Turn(
                turn.name,
                turn.modules,
                _in_precision(turn.loss, config.bf16, device),
                turn.optimizer,
                turn.every,
                turn.start,
            )
        )
    return found


def _in_precision(
    loss: Callable[[Any], Loss], bf16: bool, device: str
) -> Callable[[Any], Loss]:
    def called(batch: Any) -> Loss:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            return loss(batch)

    return called


@contextlib.contextmanager
def only_moving(turn: Turn, modules: Sequence[nn.Module]) -> Iterator[None]:
    """While a turn is taken, the weights of every other module need no gradient of their own.

    Gradients still flow through them: a generator learns from what its discriminator says.
    """
    own = {id(weight) for module in turn.modules for weight in module.parameters()}
    resting = [
        weight
        for module in modules
        for weight in trainable(module)
        if id(weight) not in own
    ]
    for weight in resting:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in resting:
            weight.requires_grad_(True)


def record_of(
    turns: Sequence[MovingTurn], main: MovingTurn, step: int
) -> dict[str, Any]:
    """A line of metrics.jsonl: the means of the steps since the last one, which are forgotten."""
    record: dict[str, Any] = {
        "step": step,
        "loss": _mean(main.values),
        "lr": learning_rate(main.config, step - 1),
        "grad_norm": main.grad_norm,
    }
    parts: dict[str, float] = {}
    sides: dict[str, float] = {}
    others: dict[str, float] = {}
    for turn in turns:
        parts |= turn.parts.take()
        sides |= turn.sides.take()
        # A turn that was not due has nothing to report.
        if turn is not main and turn.values:
            others[turn.name] = _mean(turn.values)
        turn.values.clear()
    named = {"losses": parts, "side_losses": sides, "turns": others}
    return record | {name: values for name, values in named.items() if values}


def _mean(values: Sequence[float]) -> float:
    if not values:
        return math.nan
    return math.fsum(values) / len(values)
