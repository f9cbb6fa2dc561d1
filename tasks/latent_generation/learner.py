"""What the training loop runs: batches of latents on their way between noise and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..base import Batch, OnTrack, unseen
from ..conditions import Conditions
from ..modes import evaluating
from ..takes import Take
from .latents import LatentSet, Scale
from .objectives import Objective

TIMES = 4  # at which each validation recording is judged
ROWS_AT_ONCE = 64
FIXED_SEED = 20_220_907  # of the noise to validate with
STREAM = 17  # sets these draws apart from those of other tasks


class LatentLearner:
    """Batches as pure functions of (seed, step), the squared error, and the losses at fixed times and noise.

    Parameters
    ----------
    objective : Objective
        What is learned.
    train, valid : LatentSet
        Recordings to learn from and to validate on.
    scale : Scale
        Of the training recordings' latents.
    conditions : Conditions
        Fitted on the training recordings.
    condition_dropout : float
        Share of the rows that lose their conditions.
    guided : tuple of str
        The conditions that these rows lose; all where it is empty.
    seed, batch_size : int
        Of the training.
    """

    figure = "loss"
    smaller_is_better = True

    def __init__(
        self,
        objective: Objective,
        train: LatentSet,
        valid: LatentSet,
        *,
        scale: Scale,
        conditions: Conditions,
        condition_dropout: float,
        guided: tuple[str, ...],
        seed: int,
        batch_size: int,
    ) -> None:
        self.objective = objective
        self.train = train
        self.valid = valid
        self.scale = scale
        self.conditions = conditions
        self.condition_dropout = condition_dropout
        self.guided = guided
        self.seed = seed
        self.batch_size = batch_size

    def batch(self, step: int) -> Batch:
        """Rows between noise and data, their times and conditions; the targets are what the graph is to give."""
        rng = np.random.default_rng((self.seed, STREAM, step))
        takes, latents = self.train.drawn(self.batch_size, rng)
        rows = self.conditions.of(takes)
        data = self.scale.normalized(latents, rows)
        noise = torch.from_numpy(rng.standard_normal(data.shape, dtype=np.float32))
        t = self.objective.draw_times(len(takes), rng)
        asked = self.conditions.encode(rows)
        given = self.conditions.with_dropout(
            asked, self.condition_dropout, rng, self.guided
        )
        named = {
            "x": self.objective.moved(data, noise, t),
            "t": t,
            **given,
        }
        targets = self.objective.target(data, noise, t)
        return Batch((), targets, tuple(take.name for take in takes), named=named)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The mean squared error: its least value is the conditional mean, which is what samplers follow."""
        error: Tensor = outputs - batch.targets
        return error.square().mean()

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """The loss at fixed times and noise, of the validation recordings and of as many training recordings."""
        own = losses_of(
            model,
            self.objective,
            self.valid,
            self.valid.takes,
            self.scale,
            self.conditions,
            on_track,
        )
        seen = self.train.spread(len(self.valid.takes))
        known = losses_of(
            model, self.objective, self.train, seen, self.scale, self.conditions
        )
        return {"loss": _mean(own), "train_loss": _mean(known)}


def losses_of(
    model: nn.Module,
    objective: Objective,
    latents: LatentSet,
    takes: Sequence[Take],
    scale: Scale,
    conditions: Conditions,
    on_track: OnTrack = unseen,
) -> list[float]:
    """The loss of each take, at fixed times and with fixed noise: the same for the same weights."""
    device = next(model.parameters()).device
    # One grid of times for all: each take has TIMES of them, spread evenly over the whole range.
    grid = objective.fixed_times(TIMES * max(len(takes), 1)).reshape(TIMES, -1).T
    found = []
    with evaluating(model):
        for first, some in _groups(takes, max(1, ROWS_AT_ONCE // TIMES)):
            rows = conditions.of(some)
            values = torch.stack([latents.row(take) for take in some])
            data = scale.normalized(values, rows).repeat_interleave(TIMES, dim=0)
            t = grid[first : first + len(some)].flatten()
            noise = torch.cat(
                [_noise(first + place, data) for place in range(len(some))]
            )
            asked = conditions.encode(rows)
            inputs: dict[str, Any] = {"x": objective.moved(data, noise, t), "t": t}
            for name, values in asked.items():
                inputs[name] = values.repeat_interleave(TIMES, dim=0)
            output = model(**on(device, inputs)).float().cpu()
            error = output - objective.target(data, noise, t)
            found += error.square().mean((1, 2)).reshape(-1, TIMES).mean(1).tolist()
            for take in some:
                on_track(take.key)
    return found


def on(device: torch.device, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inputs by name on a device."""
    return {name: values.to(device) for name, values in inputs.items()}


def _noise(place: int, data: Tensor) -> Tensor:
    """TIMES rows of noise of their own for the take at this place."""
    rng = np.random.default_rng((FIXED_SEED, place))
    drawn = rng.standard_normal((TIMES, *data.shape[1:]), dtype=np.float32)
    return torch.from_numpy(drawn)


def _groups(takes: Sequence[Take], size: int) -> Iterator[tuple[int, Sequence[Take]]]:
    for first in range(0, len(takes), size):
        yield first, takes[first : first + size]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)
