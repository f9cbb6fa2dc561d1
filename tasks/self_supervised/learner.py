"""How an encoder learns without labels: pairs of views, and whether it collapses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...losses.contrastive import barlow_twins, nt_xent, spread, vicreg
from ..base import Batch, OnTrack, unseen
from ..modes import evaluating
from ..patches import PatchLearner
from ..recordings import refuse_not_finite
from .encoder import Encoder


class SelfSupervisedLearner(PatchLearner):
    """Pairs of views to learn from, and the validation recordings.

    `figure` is pair_accuracy: of how many recordings the first and the last chunk are each other's nearest, among those
    that have two chunks; NaN where none has.
    """

    figure = "pair_accuracy"
    task: Any

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Of the projections (2 B, D); rows i and i + B belong together."""
        one, other = outputs.chunk(2)
        if self.task.config.loss == "nt_xent":
            return nt_xent(
                outputs, batch.targets.repeat(2), self.task.config.temperature
            )
        if self.task.config.loss == "vicreg":
            return vicreg(one, other)
        return barlow_twins(one, other)

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """Without labels: pairs found again, and whether the embeddings have collapsed."""
        ends = []
        means = []
        with evaluating(model):
            encoder = Encoder(model, self.task.config, self.task.feature.silence)
            for item in self.valid:
                vectors, _ = encoder.chunks(self.task.seen(self.cache.open(item.key)))
                refuse_not_finite(vectors, item.key)
                # The first and the last chunk share least of
                # what is alike by mere nearness.
                if len(vectors) > 1:
                    ends.append(vectors[[0, -1]])
                means.append(vectors.mean(axis=0))
                on_track(item.key)
        figures = {
            "pair_accuracy": pairs_found(ends),
            **spread(torch.from_numpy(np.stack(means))),
        }
        self.task.warn_collapse(figures, len(self.valid))
        return figures


def pairs_found(ends: Sequence[NDArray[np.float64]]) -> float:
    """The share of recordings whose two vectors (2, D) are each other's nearest; NaN without any."""
    if not ends:
        return float("nan")
    vectors = functional.normalize(torch.from_numpy(np.stack(ends)), dim=-1)
    first, last = vectors.unbind(1)
    # Nearest in both directions: a vector that is near to everything does not count.
    likeness = first @ last.T
    own = torch.arange(len(first))
    is_pair = (likeness.argmax(1) == own) & (likeness.argmax(0) == own)
    return float(is_pair.double().mean())
