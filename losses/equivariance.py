"""Losses that hold the answers to a sound and to its transposition against each other; no label is needed.

Riou, Lattner, Hadjeres & Peeters, "PESTO: Pitch estimation with self-supervised transposition-equivariant objective",
ISMIR 2023. An answer is a distribution y over bins of log-frequency; y⁽ᵏ⁾ answers the same sound k bins higher.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .base import register_loss

LEAST = 1e-6  # the probability of a bin that does not exist


@register_loss("symmetric_cross_entropy")
def symmetric_cross_entropy(one: Tensor, other: Tensor) -> Tensor:
    """Cross-entropy of two answers, each held against the other as it stands; logits (B, F), a scalar.

    Riou et al., L_inv: two views of one pitch give one answer. Here each is the target once, and the mean of both is
    taken. Gradients go through the targets as well: those of a target that is held still vanish where both answers
    are the same, and flat answers would stay flat.
    """
    first, second = one.log_softmax(1), other.log_softmax(1)
    forth = -(first.exp() * second).sum(1)
    back = -(second.exp() * first).sum(1)
    return (forth + back).mean() / 2


@register_loss("shifted_cross_entropy")
def shifted_cross_entropy(one: Tensor, other: Tensor, shifts: Tensor) -> Tensor:
    """The same of a sound and of its transposition by `shifts` (B,) bins: -Σ_i y_i log y⁽ᵏ⁾_{i+k}; a scalar.

    Riou et al., L_SCE. What the shift moves beyond an end is held against a probability of 1e-6: if it cost nothing, an
    answer that lies at an end and never moves would be the best one.
    """
    forth = _held_against(one, other, shifts)
    back = _held_against(other, one, -shifts)
    return (forth + back).mean() / 2


def _held_against(one: Tensor, other: Tensor, shifts: Tensor) -> Tensor:
    """(B,) -Σ_i y_i log z_{i+k}."""
    n = one.shape[1]
    bins = torch.arange(n, device=one.device) + shifts[:, None]
    inside = (bins >= 0) & (bins < n)
    there = other.log_softmax(1).gather(1, bins.clamp(0, n - 1))
    there = there.masked_fill(~inside, math.log(LEAST))
    return -(one.softmax(1) * there).sum(1)


@register_loss("transposition_loss")
def transposition_loss(
    one: Tensor,
    other: Tensor,
    shifts: Tensor,
    bins_per_octave: int,
    delta: float = 0.1,
) -> Tensor:
    """How far a transposition by `shifts` (B,) bins moves the mean pitch by something else; logits (B, F), a scalar.

    Riou et al., L_equiv: φ(y) = Σ_i αⁱ y_i; the ratio φ(y⁽ᵏ⁾) / φ(y) is αᵏ where the answer moves by k. Its
    distance from αᵏ goes through Huber's function. α is 2^(1 / bins_per_octave), so that φ is a mean frequency.
    """
    powers = torch.arange(one.shape[1], device=one.device, dtype=one.dtype)
    frequency = 2.0 ** (powers / bins_per_octave)
    ratio = (other.softmax(1) @ frequency) / (one.softmax(1) @ frequency)
    wanted = 2.0 ** (shifts.to(one.dtype) / bins_per_octave)
    return functional.huber_loss(ratio, wanted, delta=delta)
