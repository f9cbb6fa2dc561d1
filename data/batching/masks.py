"""Batches of different lengths: which frames are data, and which are padding."""

from __future__ import annotations

import torch
from torch import Tensor


def mask_of(n_frames: Tensor, width: int) -> Tensor:
    """Lengths (B,) -> bool (B, width): True where a row has data. Longer rows than `width` have it everywhere."""
    return torch.arange(width, device=n_frames.device) < n_frames[:, None]


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the frames that are data: (B, T, ...) and bool (B, T) -> (B, ...); 0 for a row without any.

    Padding has no influence on it, nor on its gradient, be it NaN.
    """
    inside = mask.reshape(*mask.shape, *[1] * (x.ndim - 2))
    total = torch.where(inside, x, torch.zeros((), dtype=x.dtype, device=x.device)).sum(
        1
    )
    return total / mask.sum(1).clamp_min(1).reshape(-1, *[1] * (x.ndim - 2)).to(x.dtype)
