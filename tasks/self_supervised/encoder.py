"""The part of a graph that is kept: from the input to the representation, without the projector."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...compiler.feature_extract import feature_extract
from ...compiler.module import GraphModule
from ..patches import as_input, every_patch, rank_of
from ..reading import Recorded
from .config import SelfSupervisedConfig


class Encoder:
    """(B, *shape, T) -> (B, D): the output of `task.embedding`, its mean over all axes behind the channels."""

    def __init__(
        self, model: nn.Module, config: SelfSupervisedConfig, silence: float = 0.0
    ) -> None:
        self.config = config
        self.silence = silence
        self.rank = rank_of(model)
        self.device = next(model.parameters()).device
        self.model = model
        self.name: str | None = None
        if config.embedding is not None and isinstance(model, GraphModule):
            self.name = config.embedding
            # Only what leads to the named layer runs; the
            # projector behind it is for training.
            self.model = feature_extract(model, [self.name])

    def __call__(self, x: Tensor) -> Tensor:
        found: Any = self.model(as_input(x, self.rank or x.ndim).to(self.device))
        y: Tensor = found if self.name is None else found[self.name]
        # A layer inside the graph may still have time and frequency.
        if y.ndim > 2:
            return y.float().flatten(2).mean(2)
        return y.float()

    def chunks(
        self, feature: Recorded
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Embeddings (P, D) of all chunks of a recording, and their first frames (P,)."""
        size = self.config.patch_frames
        found = []
        starts = []
        for some, patches in every_patch(
            feature.n_frames,
            feature.read,
            patch_frames=size,
            hop_frames=min(self.config.hop, size),
            silence=self.silence,
        ):
            found.append(self(patches).cpu())
            starts.append(some)
        vectors = torch.cat(found).numpy().astype(np.float64)
        return vectors, np.concatenate(starts)
