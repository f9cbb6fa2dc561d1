"""A model as it is used, not trained."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """eval() mode and torch.inference_mode(); afterwards every module is in the mode it was in."""
    # Module by module: a part that was frozen in eval() must not come back in train().
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training
