"""How embeddings of works learn: their batches, their objective, and what is validated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ..base import Batch, OnTrack, unseen
from ..patches import PatchLearner
from .objective import Objective
from .patches import Patches
from .works import has_covers


class CoversLearner(PatchLearner):
    """Batches of works to learn from, and the validation recordings.

    module    what is learned beside the model, the proxies of ProxyAnchor; None for the others
    lr_scale  its learning rate over that of the model
    """

    figure = "mAP"
    task: Any

    def __init__(
        self,
        task: Any,
        patches: Patches,
        objective: Objective,
        valid: Sequence[Any],
        cache: Any,
    ) -> None:
        super().__init__(task, patches, valid, cache)
        self.objective = objective
        self.module = objective.module
        self.lr_scale = objective.lr_scale
        self.works = [task.truth(item) for item in valid]

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return self.objective(outputs, batch.targets)

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """Among the validation recordings alone; NaN where none has a cover, as when each trains by itself."""
        if not has_covers(self.works):
            return {self.figure: float("nan")}
        figures = self.task.ranked(model, self.valid, self.valid, self.cache, on_track)
        return {
            name: value
            for name, value in self.task.pooled(figures).items()
            if name in self.task.headline
        }
