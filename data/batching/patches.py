"""Cutting long features into patches, and putting what a model makes of the patches together again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def patch_starts(
    n_frames: int, patch_frames: int, hop_frames: int
) -> NDArray[np.int64]:
    """First frames of patches that cover all `n_frames`: every `hop_frames`, and one that ends with the last frame.

    A recording shorter than a patch has one patch, at 0, which `take_patch` pads.
    """
    if n_frames < 1 or patch_frames < 1 or not 1 <= hop_frames <= patch_frames:
        raise ValueError(
            f"no patches of {patch_frames} frames, hop {hop_frames}, cover {n_frames} frames"
        )
    last = max(n_frames - patch_frames, 0)
    return np.append(np.arange(0, last, hop_frames, dtype=np.int64), last)


def take_patch(
    read: Callable[[int, int], Tensor],
    start: int,
    patch_frames: int,
    n_frames: int,
    fill: float = 0.0,
) -> Tensor:
    """Frames [start, start + patch_frames) of `read(start, stop) -> (..., T)`, with `fill` outside [0, n_frames).

    `read` is asked for frames that exist, and for these only, so it may read from a file.
    """
    stop = start + patch_frames
    inside = read(max(start, 0), min(stop, n_frames))
    return torch.nn.functional.pad(
        inside, (max(-start, 0), max(stop - n_frames, 0)), value=fill
    )


def overlap_add(
    patches: Tensor, starts: NDArray[np.int64] | Tensor, n_frames: int
) -> Tensor:
    """Weighted mean of overlapping patches: (P, ..., patch_frames), P starts -> (..., n_frames).

    The weights are a Hann window without its zeros, sin²(π (t + ½) / patch_frames): a model hears least context at the
    edges of a patch, yet the first and the last frame of a recording still count. Padding is cut off.
    """
    patch_frames = patches.shape[-1]
    # In float64, so that patches of any precision meet the same window.
    phase = (
        torch.arange(patch_frames, dtype=torch.float64, device=patches.device) + 0.5
    ) / patch_frames
    window = torch.sin(torch.pi * phase).square().to(patches.dtype)

    # The last patch may reach beyond the recording: there is room for it, and it is cut off at the end.
    total = patches.new_zeros(
        *patches.shape[1:-1], max(n_frames, int(max(starts)) + patch_frames)
    )
    weight = patches.new_zeros(total.shape[-1])
    for patch, start in zip(patches, map(int, starts), strict=True):
        total[..., start : start + patch_frames] += patch * window
        weight[start : start + patch_frames] += window

    # Divided by the sum of the windows that covered each frame, overlaps of any hop come out right.
    return total[..., :n_frames] / weight[:n_frames]
