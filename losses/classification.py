"""Losses of labels."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import register_loss


@register_loss("binary_cross_entropy")
def binary_cross_entropy(
    logits: Tensor, targets: Tensor, positive_weight: float = 1.0
) -> Tensor:
    """Mean binary cross-entropy of logits and targets in 0 … 1, of one shape; a scalar.

    `positive_weight` multiplies the part of the target: above 1 for more recall, below 1 for more precision.
    Raises ValueError for two shapes: broadcasting would hide a mistake.
    """
    if logits.shape != targets.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} differ in shape"
        )
    # A weight of one would cost a product per value and change nothing.
    weight = None
    if positive_weight != 1.0:
        weight = logits.new_tensor(positive_weight)
    return torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=weight
    )
