"""The recursion and the formula of PCEN; torch and plain functions only, shared with the block."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def moving_mean(x: Tensor, smoothing: Tensor, before: Tensor | None = None) -> Tensor:
    """M(t) = (1 - s) M(t - 1) + s x(t) over the last axis; s is (F, 1).

    before  (..., 1) the mean M of the frame before the first, when x goes on from there; else M(0) = x(0)

    The recursion's filter 1 / (1 - a/z) is the product of 1 + (a/z)^(2^k): log2(T) steps on whole tensors in place of
    T on frames, and as exact, since nothing is ever subtracted.
    """
    if before is None:
        first = x[..., :1]
    else:
        first = (1 - smoothing) * before + smoothing * x[..., :1]
    mean = torch.cat([first, smoothing * x[..., 1:]], dim=-1)
    decay = 1 - smoothing
    shift = 1
    # Each round adds the sum that lies `shift` frames back, and doubles how far the sum reaches.
    while shift < x.shape[-1]:
        mean = mean + decay * functional.pad(mean[..., :-shift], (shift, 0))
        decay = decay.square()
        shift = 2 * shift
    return mean


def over_mean(
    energy: Tensor, mean: Tensor, alpha: Tensor, delta: Tensor, r: Tensor, eps: float
) -> Tensor:
    """(E / (ε + M)^α + δ)^r - δ^r: Wang et al., ICASSP 2017 (arXiv:1607.05666), eq. 1."""
    return (energy * (eps + mean) ** -alpha + delta) ** r - delta**r
