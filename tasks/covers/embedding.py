"""From a recording to its vectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...data.batching.patches import patch_starts, take_patch
from .config import CoversConfig
from .views import PITCH_CLASSES, for_graph, held, level_of, prepared, rotated

WHOLE = 8192  # frames of a recording that is embedded at once
AT_ONCE = 16


def embed(
    model: nn.Module, feature: Any, config: CoversConfig, shape: Any, rotations: bool
) -> Tensor:
    """The vectors (R, M, D) of a recording; R is 12 with `rotations`, M is 1 but for `vectors: chunks`.

    shape  the graph's input. A recording shorter than a patch is padded with zeros to one. The model is in eval() mode.
    """
    n_frames, size, hop = feature.n_frames, *chunk_size(feature.n_frames, config, shape)
    feature = held(feature)
    if config.compression is not None:
        level = level_of(feature)
    else:
        level = 1.0
    starts = patch_starts(n_frames, size, hop)
    device = next(model.parameters()).device
    steps = range(PITCH_CLASSES if rotations else 1)
    vectors = []
    for first in range(0, len(starts), AT_ONCE):
        some = [
            take_patch(feature.read, int(s), size, n_frames)
            for s in starts[first : first + AT_ONCE]
        ]
        chunks = prepared(torch.stack(some), level, config)
        each = [
            model(
                for_graph(rotated(chunks, r) if r else chunks, config, len(shape)).to(
                    device
                )
            )
            for r in steps
        ]
        vectors.append(functional.normalize(torch.stack(each).float().cpu(), dim=-1))
    found = torch.cat(vectors, dim=1)
    if config.vectors == "chunks":
        return found
    return functional.normalize(found.mean(1, keepdim=True), dim=-1)


def chunk_size(n_frames: int, config: CoversConfig, shape: Any) -> tuple[int, int]:
    """Frames of a chunk and from one to the next."""
    if isinstance(shape[-1], int):
        size: int = shape[-1]
    elif config.chunk_frames:
        size = config.chunk_frames
    else:
        size = max(config.patch_frames, min(n_frames, WHOLE))
    return size, min(config.hop_frames or max(1, size // 2), size)
