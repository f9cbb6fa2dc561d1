"""Losses that blocks compute on their way: a VAE's divergence, the commitment of a quantiser."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def side_losses(model: nn.Module) -> dict[str, Tensor]:
    """The losses that the blocks of a model computed in the last forward pass, by node and loss: "latent.kl".

    A block that has some keeps them in `losses`, a mapping of names to scalars, each already times the weight in its
    config. The loop adds them to the loss of the task.
    """
    found = {}
    for node, module in model.named_modules():
        # Any block may have them, those of plug-ins too: the attribute is the whole contract.
        losses = getattr(module, "losses", None)
        if not isinstance(losses, Mapping):
            continue
        for name, value in losses.items():
            if isinstance(value, Tensor):
                found[f"{node}.{name}"] = value
    return found


def added(loss: Tensor, sides: Mapping[str, Tensor]) -> Tensor:
    """The loss of the task with those of the blocks; the very same tensor where there are none."""
    if not sides:
        return loss
    return loss + torch.stack([value.to(loss.dtype) for value in sides.values()]).sum()
