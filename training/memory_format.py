"""Channels-last tensors, where torch computes with them rightly."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from .optimization import TrainConfig


def lay_channels_last(
    model: nn.Module, config: TrainConfig, device: torch.device
) -> bool:
    """Lay the weights of `model` channels-last where `config` asks for it; returns whether batches are to be so too.

    On a CPU in bfloat16, torch 2.13 gives NaN or wild gradients for convolutions dilated along their first axis; a
    graph that has one keeps its layout, and a warning says so.
    """
    if not config.channels_last:
        return False
    dilated = any(
        isinstance(layer, nn.Conv2d) and layer.dilation[0] > 1
        for layer in model.modules()
    )
    if dilated and config.bf16 and device.type == "cpu":
        warnings.warn(
            "train.channels_last is left out: with train.bf16 on a CPU torch's gradients are wrong for "
            "convolutions dilated over frequency",
            stacklevel=2,
        )
        return False
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return True
