"""How a tagger learns: its loss, and what is validated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...metrics.tagging import multi_class_figures, multi_label_figures
from ..base import OnTrack, unseen
from ..patches import PatchLearner
from .patches import Patches


class TaggingLearner(PatchLearner):
    """Patches to learn from, and the validation tracks."""

    task: Any

    def __init__(
        self,
        task: Any,
        patches: Patches,
        valid: Sequence[Item],
        cache: FeatureCache,
    ) -> None:
        super().__init__(task, patches, valid, cache)
        self.truth = task.labelling.truth_of(valid, task.labels)

    @property
    def figure(self) -> str:
        if self.task.labelling.several:
            return "pr_auc_macro"
        return "accuracy"

    def loss(self, outputs: Tensor, batch: Any) -> Tensor:
        """Cross-entropy with the targets as shares, or binary cross-entropy."""
        smoothing = self.task.config.label_smoothing
        if not self.task.labelling.several:
            return functional.cross_entropy(
                outputs, batch.targets, label_smoothing=smoothing
            )
        # y (1 - ε) + ε / 2: the smoothed share goes to both answers alike.
        targets = batch.targets * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(outputs, targets)

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        scores = self.task.scores(model, self.valid, self.cache, on_track)
        if not self.task.labelling.several:
            return multi_class_figures(scores, self.truth.argmax(axis=1))
        # Early stopping watches an area, which needs no
        # thresholds; they are chosen after the training.
        return multi_label_figures(scores, self.truth, np.full(scores.shape[1], 0.5))
