"""A model that computes in bfloat16 for a while: faster on processors that know it, and a little less exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


@contextmanager
def at_precision(model: nn.Module, precision: Precision) -> Iterator[None]:
    """While this holds, the model runs in this precision where torch's autocast considers it safe.

    Parameters
    ----------
    model : nn.Module
        Its weights stay as they are, and its outputs are float32 at either precision.
    precision : "float32" or "bfloat16"
        bfloat16 has 8 bits in place of 24: convolutions and products are exact to about 0.4 %.
    """
    if precision == "float32":
        yield
        return
    plain = model.forward

    def forward(*inputs: Any, **named: Any) -> Any:
        device = next((p.device.type for p in model.parameters()), "cpu")
        with torch.autocast(device, torch.bfloat16):
            found = plain(*inputs, **named)
        return _exact(found)

    # Only of this module, and not of its class; taken away again below.
    vars(model)["forward"] = forward
    try:
        yield
    finally:
        del vars(model)["forward"]


def _exact(found: Any) -> Any:
    """Outputs as float32: numpy has no bfloat16, and tasks add many of them up."""
    if isinstance(found, Tensor):
        return found.float() if found.dtype == torch.bfloat16 else found
    if isinstance(found, dict):
        return {name: _exact(value) for name, value in found.items()}
    return found
