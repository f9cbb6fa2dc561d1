"""Batch normalisation needs a batch: what is refused before any data is read."""

from __future__ import annotations

import contextlib
import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..compiler.module import GraphModule
from ..errors import RunError
from ..shapes import show

FEWEST = 2  # values per channel that have a spread


class _OneValue(Exception):
    """A batch normalisation that saw one value per channel."""


def refuse_one_example(model: GraphModule, batch_size: int) -> None:
    """Raise E625, naming the node, where a batch normalisation would see one value per channel in training.

    Torch refuses this too, but in the first step, after all features were computed, and without the node's name.
    """
    normed = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if batch_size >= FEWEST or not normed:
        return

    # A step on the meta device costs nothing and reaches the norms inside other blocks too.
    shadow = copy.deepcopy(model).to("meta").train()
    for node in model.nodes:
        for module in shadow.get_submodule(node.name).modules():
            if isinstance(module, _BatchNorm):
                module.register_forward_pre_hook(_Check(node.name))
    # Free axes take sizes at which the graph is known to run; the batch is that of the training.
    sizes = {**model.free_sizes, "B": batch_size}
    shapes = [
        [sizes[size] if isinstance(size, str) else size for size in shape]
        for shape in model.input_shapes.values()
    ]
    try:
        # Whatever else fails in training mode on the meta device is not for this check to report.
        with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
            shadow(*(torch.empty(shape, device="meta") for shape in shapes))
    except _OneValue as found:
        name, shape = found.args
        node = next(node for node in model.nodes if node.name == name)
        raise RunError(
            f"{node.block} '{name}' cannot train on one example: it has one value per channel, {show(shape)}",
            code="E625",
            where=node.where,
            help=f"set train.batch_size to {FEWEST} or more, or use a LayerNorm",
        ) from None


class _Check:
    """A hook before a batch normalisation of the node `name`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        if x.numel() < FEWEST * x.shape[1]:
            raise _OneValue(self.name, tuple(x.shape))
