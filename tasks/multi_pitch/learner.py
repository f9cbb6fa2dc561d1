"""How a multi-pitch model learns: its loss, and what is validated."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ...losses.classification import binary_cross_entropy
from ..base import Batch, OnTrack, unseen
from ..modes import evaluating
from ..patches import PatchLearner


class MultiPitchLearner(PatchLearner):
    """Patches to learn from, and the validation tracks; `figure` is the Accuracy at its best threshold."""

    figure = "Accuracy"
    task: Any

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return binary_cross_entropy(
            outputs, batch.targets, self.task.config.positive_weight
        )

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """Accuracy, Precision, Recall (means over the tracks, as mir_eval counts) and the threshold they are at."""
        with evaluating(model):
            threshold, figures = self.task.best_threshold(
                model, self.valid, self.cache, on_track
            )
        return {**figures, "threshold": threshold}
