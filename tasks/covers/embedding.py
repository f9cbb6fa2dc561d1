"""From a recording to its vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..base import TaskShape
from ..patches import PITCH_CLASSES, every_patch, level_of, rotated
from ..reading import Recorded
from .config import CoversConfig
from .views import for_graph, held, prepared

WHOLE = 8192  # frames of a recording that is embedded at once
AT_ONCE = 16


def embed(
    model: nn.Module,
    feature: Recorded,
    config: CoversConfig,
    shape: TaskShape,
    rotations: bool,
) -> Tensor:
    """The vectors (R, M, D) of a recording; R is 12 with `rotations`, M is 1 but for `vectors: chunks`.

    shape  the graph's input. A recording shorter than a patch is padded with zeros to one. The model is in eval() mode.
    """
    device = next(model.parameters()).device
    size, hop = chunk_size(feature.n_frames, config, shape)

    # The level and the chunks read the same frames, and neighbouring chunks overlap:
    # from memory, a file is decompressed once.
    feature = held(feature)
    level = 1.0
    if config.compression is not None:
        level = level_of(feature.read)

    vectors = []
    for _, patches in every_patch(
        feature.n_frames,
        feature.read,
        patch_frames=size,
        hop_frames=hop,
        at_once=AT_ONCE,
    ):
        # Compression commutes with rotation, so it is done once for all 12.
        chunks = prepared(patches, level, config)
        each = []
        for semitones in range(PITCH_CLASSES if rotations else 1):
            moved = rotated(chunks, semitones) if semitones else chunks
            each.append(model(for_graph(moved, config, len(shape)).to(device)))
        vectors.append(torch.stack(each).float().cpu())

    found = torch.cat(vectors, dim=1)
    is_unit = config.alike_by == "cosine"
    # Of unit length before the mean: no chunk weighs more because its vector is longer. Where distances were
    # trained, the length says something, and stays.
    if is_unit:
        found = functional.normalize(found, dim=-1)
    if config.vectors == "chunks":
        return found
    mean = found.mean(1, keepdim=True)
    if is_unit:
        mean = functional.normalize(mean, dim=-1)
    return mean


def chunk_size(
    n_frames: int, config: CoversConfig, shape: TaskShape
) -> tuple[int, int]:
    """Frames of a chunk and from one to the next."""
    # A graph that fixes its frames decides, then the settings; else a recording is seen
    # whole, up to what fits into memory.
    if isinstance(shape[-1], int):
        size = shape[-1]
    elif config.chunk_frames:
        size = config.chunk_frames
    else:
        size = max(config.patch_frames, min(n_frames, WHOLE))
    return size, min(config.hop_frames or max(1, size // 2), size)
