"""How a chord model learns: its loss, and what is validated."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from ...metrics.chords import COMPARISONS, chord_figures, chord_seconds
from ..base import Batch, OnTrack, unseen
from ..modes import evaluating
from ..patches import PatchLearner
from .vocabulary import IGNORED


class ChordLearner(PatchLearner):
    """Patches to learn from, and the validation tracks; `figure` is majmin without smoothing."""

    figure = "majmin"
    task: Any

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy over the frames that have a class."""
        # The mean over no frame is 0 / 0; this zero still depends on the outputs, so
        # that the backward pass has a graph to follow.
        if bool((batch.targets == IGNORED).all()):
            return outputs.sum() * 0.0
        return functional.cross_entropy(
            outputs,
            batch.targets,
            ignore_index=IGNORED,
            label_smoothing=self.task.config.label_smoothing,
        )

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        tracks = {}
        with evaluating(model):
            for item in self.valid:
                scores = self.task.log_probability(model, self.cache.open(item.key))
                # Each frame by itself: the weight of the
                # smoothing is chosen after the training.
                found = self.task.ribbon(scores.argmax(axis=1), scores)
                tracks[item.key] = chord_seconds(self.task.truth(item), found.ribbon)
                on_track(item.key)
        figures = chord_figures(tracks)
        # A figure that is not defined is left out,
        # except the one that early stopping reads.
        return {
            name: figures[name]
            for name in COMPARISONS
            if name == self.figure or not np.isnan(figures[name])
        }
