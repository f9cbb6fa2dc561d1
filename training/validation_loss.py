"""The loss on recordings that do not train: a figure that every task has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..tasks.base import Learner
from ..tasks.modes import evaluating
from .batches import on_device
from .optimization import TrainConfig
from .side_losses import added, side_losses
from .turns import total

BATCHES = 8  # as many as a validation can afford, and the same at every one
LOSS = "loss"


class ValidationLoss:
    """The mean loss of a few batches of validation recordings, the same batches at every validation."""

    def __init__(
        self,
        learner: Learner,
        judge: Learner | None,
        device: torch.device,
        config: TrainConfig,
    ) -> None:
        """`judge` gives the batches, and the loss is that of `learner`; None: there are no such recordings."""
        self.learner = learner
        self.judge = judge
        self.device = device
        self.config = config

    def of(self, model: nn.Module, figures: Mapping[str, Any]) -> dict[str, float]:
        """{"loss": ...} for a model; nothing where the task reports one itself, or without such recordings."""
        if self.judge is None or LOSS in figures:
            return {}
        losses = []
        with evaluating(model):
            for number in range(BATCHES):
                # A generator of its own: what comes after must not depend on whether a loss was taken.
                batch = on_device(self.judge.batch(number), self.device, False)
                outputs = model(*batch.inputs, **batch.named)
                loss = total(self.learner.loss(outputs, batch))
                losses.append(float(added(loss, side_losses(model))))
        return {LOSS: math.fsum(losses) / len(losses)}
