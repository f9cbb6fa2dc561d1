"""The part of a graph that is kept: from the input to the representation, without the projector."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...compiler.feature_extract import feature_extract
from ...compiler.module import GraphModule
from ...data.batching.patches import patch_starts, take_patch
from ..recordings import PATCHES_AT_ONCE, as_input
from .config import SelfSupervisedConfig


class Encoder:
    """(B, *shape, T) -> (B, D): the output of `task.embedding`, its mean over all axes behind the channels."""

    def __init__(
        self, model: nn.Module, config: SelfSupervisedConfig, silence: float = 0.0
    ) -> None:
        self.config = config
        self.name = config.embedding
        self.silence = silence
        cut = self.name is not None and isinstance(model, GraphModule)
        self.model = feature_extract(model, [self.name]) if cut else model  # type: ignore[arg-type, list-item]
        self.cut = cut
        shapes = getattr(model, "input_shapes", None)
        if shapes:
            self.rank = len(next(iter(shapes.values())))
        else:
            self.rank = 0
        self.device = next(model.parameters()).device

    def __call__(self, x: Tensor) -> Tensor:
        found: Any = self.model(as_input(x, self.rank or x.ndim).to(self.device))
        if self.cut:
            y: Tensor = found[self.name]
        else:
            y = found
        if y.ndim > 2:
            return y.float().flatten(2).mean(2)
        return y.float()

    def chunks(self, feature: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Embeddings (P, D) of all chunks of a recording, and their first frames (P,)."""
        size = self.config.patch_frames
        n_frames = _frames(feature)
        starts = patch_starts(n_frames, size, min(self.config.hop, size))
        found = []
        for first in range(0, len(starts), PATCHES_AT_ONCE):
            some = starts[first : first + PATCHES_AT_ONCE]
            patches = [
                take_patch(
                    lambda a, b: _read(feature, a, b),
                    int(s),
                    size,
                    n_frames,
                    self.silence,
                )
                for s in some
            ]
            found.append(self(torch.stack(patches)).cpu())
        return torch.cat(found).numpy().astype(np.float64), starts


def _frames(feature: Any) -> int:
    return int(feature.shape[-1] if isinstance(feature, Tensor) else feature.n_frames)


def _read(feature: Any, start: int, stop: int) -> Tensor:
    if isinstance(feature, Tensor):
        found: Tensor = feature[..., start:stop]
    else:
        found = feature.read(start, stop)
    return found
