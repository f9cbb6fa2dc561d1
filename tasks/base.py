"""What the training loop asks of a task: batches, a loss, a validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """One batch: `inputs` are the model's arguments, `items` the names of what stands in its rows."""

    inputs: tuple[Tensor, ...]
    targets: Any
    items: tuple[str, ...]


class Learner(Protocol):
    """A task, ready to train.

    figure    the key of `validate` that early stopping watches; larger is better
    batch     a pure function of (seed, step). It runs in a thread beside the training step, so it draws from
              generators of its own, never from torch's global one
    loss      a scalar; `batch` is on the model's device
    validate  figures on the validation set, computed in eval() mode under torch.inference_mode()
    """

    @property
    def figure(self) -> str: ...

    def batch(self, step: int) -> Batch: ...

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor: ...

    def validate(self, model: nn.Module) -> dict[str, float]: ...
