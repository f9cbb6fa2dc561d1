"""The turns of a training step: of an experiment of several models each moves in its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from ..settings import Settings

Loss = Tensor | Mapping[str, Tensor]
Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimizerConfig(Settings):
    """How the weights of one turn move; what is left out is as `train:` says."""

    lr: PositiveFloat | None = Field(
        None, description="the highest learning rate; null: that of `train:`"
    )
    optimizer: Literal["adam", "adamw", "sgd"] | None = Field(
        None, description="null: that of `train:`"
    )
    betas: tuple[Beta, Beta] | None = Field(
        None, description="of adam and adamw; null: those of `train:`"
    )
    weight_decay: NonNegativeFloat | None = Field(
        None, description="null: that of `train:`"
    )
    clip_norm: PositiveFloat | None = Field(
        None, description="upper limit of the gradient's norm; null: that of `train:`"
    )


@dataclass(frozen=True)
class Turn:
    """One update of some modules, made in every training step in which its turn comes.

    A learner of several models gives them by `turns(model)`. In a turn only its own modules get gradients; those of
    the other turns keep their weights, though gradients flow through them.

    Parameters
    ----------
    name : str
        What metrics.jsonl calls it, such as "adversary".
    modules : tuple of Module
        What it moves: the experiment's own graph, or graphs of `task.models` that train beside it.
    loss : callable
        Takes the batch, on the model's device, and returns the loss: a scalar, or scalars by name, of which the sum is
        minimised and each is logged. It runs the modules itself.
    optimizer : OptimizerConfig, optional
        Its own learning rate, betas, ...; by default those of `train:`.
    every : int
        It takes part in every so many steps.
    start : int
        It takes no part before this step.

    Examples
    --------
    >>> import torch
    >>> critic = nn.Linear(2, 1)
    >>> turn = Turn("critic", (critic,), lambda batch: critic(batch.inputs[0]).mean(), every=2)
    >>> [turn.is_due(step) for step in range(4)]
    [True, False, True, False]
    """

    name: str
    modules: tuple[nn.Module, ...]
    loss: Callable[[Any], Loss]
    optimizer: OptimizerConfig | None = None
    every: int = 1
    start: int = 0

    def is_due(self, step: int) -> bool:
        """Whether it takes part in this step, counted from 0."""
        return step >= self.start and (step - self.start) % self.every == 0
