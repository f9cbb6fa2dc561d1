"""Estimates of whole recordings, put together of chunks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...data.batching.patches import overlap_add, patch_starts, take_patch
from ..base import OnShare, unseen
from ..modes import evaluating
from ..reading import Recorded
from .config import SeparationConfig
from .kinds import Separator


def estimated(
    separator: Separator,
    feature: Recorded,
    config: SeparationConfig,
    asked: Sequence[str],
    on_share: OnShare = unseen,
) -> Tensor:
    """Estimates (K, C, N) of the targets that are asked for in a recording, on the CPU."""
    n_samples = feature.n_frames
    size = min(config.chunk_frames, n_samples)
    hop = max(size - round(config.overlap * size), 1)
    starts = patch_starts(n_samples, size, hop)
    chunks = []
    with evaluating(separator.model):
        for number, start in enumerate(starts, 1):
            chunk = take_patch(feature.read, int(start), size, n_samples)
            chunks.append(separator(chunk.float(), asked).float().cpu())
            on_share(number / len(starts))
    if len(chunks) == 1:
        return chunks[0][..., :n_samples]
    return overlap_add(torch.stack(chunks), starts, n_samples)
