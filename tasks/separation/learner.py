"""How separation learns: weighted losses of the estimates, and SI-SDR on the validation recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...losses.weighted import WeightedLosses
from ..base import Batch, OnTrack, unseen
from .judging import RATIO
from .mixing import StemMixes


class SeparationLearner:
    """Mixes to learn from, and the figures to watch.

    Parameters
    ----------
    task : Separation
        The task.
    mixes : StemMixes
        Where its batches come from.
    valid : sequence of Item
        The recordings to validate on, with their stems.
    cache : FeatureCache
        Where their waveforms are.
    """

    figure = RATIO

    def __init__(
        self, task: Any, mixes: StemMixes, valid: Sequence[Any], cache: Any
    ) -> None:
        self.task = task
        self.mixes = mixes
        self.valid = valid
        self.cache = cache
        losses = task.config.losses
        self.losses = WeightedLosses(
            losses.weights,
            task.feature.sr_hz,
            exponent=losses.magnitude_exponent,
            n_fft=losses.magnitude_n_fft,
        )

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return self.mixes.batch(step)

    def loss(
        self, outputs: Tensor | Mapping[str, Tensor], batch: Batch
    ) -> dict[str, Tensor]:
        """The weighted parts by name, mean over the targets of a graph with several outputs."""
        wanted = batch.targets
        if isinstance(wanted, Tensor):
            assert isinstance(outputs, Tensor)  # a conditioned graph has one output
            return self.losses.parts(outputs, wanted)
        # All targets in one batch: each counts alike, and every part is computed once.
        if isinstance(outputs, Tensor):
            outputs = dict.fromkeys(wanted, outputs)
        given = torch.cat([outputs[name] for name in wanted])
        return self.losses.parts(given, torch.cat(list(wanted.values())))

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """SI-SDR of each target and their mean; NaN where every reference is silent."""
        figures: dict[str, float] = self.task.validated(
            model, self.valid, self.cache, on_track
        )
        return {RATIO: math.nan, **figures}
