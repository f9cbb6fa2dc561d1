"""What the training loop is given by a task: batches, a loss, and figures on the validation side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from .turns import Loss

OnTrack = Callable[[str], None]  # is called with the key of each track that is done
OnShare = Callable[[float], None]  # is called with the share that is done, up to 1


def unseen(_: object) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Batch:
    """One batch of a training.

    Parameters
    ----------
    inputs : tuple of Tensor
        The model's arguments by position, batch first.
    targets : Any
        What the loss needs: a tensor, or tensors in tuples, lists and dicts.
    items : tuple of str
        The names of what stands in its rows, for messages.
    named : mapping of str to Tensor
        The model's arguments by name, in place of `inputs`, for a graph with several inputs.
    """

    inputs: tuple[Tensor, ...]
    targets: Any
    items: tuple[str, ...]
    named: Mapping[str, Tensor] = field(default_factory=dict)


class Learner(Protocol):
    """A task, ready to train.

    figure    the key of `validate` that early stopping watches; larger is better
    batch     a pure function of (seed, step). It runs in a thread beside the training step, so it draws from
              generators of its own, never from torch's global one
    loss      a scalar, or scalars by name whose sum is minimised; `batch` is on the model's device, `outputs` what the
              graph gives: a tensor, or tensors by name
    validate  figures on the validation set, computed in eval() mode under torch.inference_mode(); `on_track` is told
              each track

    What else it may have:

    module              weights of its own, such as the proxies of a loss, trained at `lr_scale` times the learning
                        rate and kept for resuming only
    turns               `turns(model)` gives the `Turn`s of a training of several models; `loss` is not asked then
    smaller_is_better   True where `figure` is a loss
    """

    @property
    def figure(self) -> str: ...

    def batch(self, step: int) -> Batch: ...

    def loss(self, outputs: Any, batch: Batch) -> Loss: ...

    def validate(self, model: nn.Module, on_track: OnTrack) -> dict[str, float]: ...
