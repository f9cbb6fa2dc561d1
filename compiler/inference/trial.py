"""Runs of two modules beside one another, to see that one does what the other does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..language.axes import Axis
from ..module import GraphModule

Output = Tensor | dict[str, Tensor]


def input_axes(model: GraphModule) -> dict[str, tuple[Axis, ...]]:
    """The named axes of each input of a compiled graph; those that are free have no size."""
    names = model.axis_names
    return {
        name: tuple(
            Axis(axis, None if isinstance(size, str) else size)
            for axis, size in zip(names[name], shape, strict=True)
        )
        for name, shape in model.input_shapes.items()
    }


def trial_inputs(model: GraphModule, sizes: Mapping[str, int]) -> tuple[Tensor, ...]:
    """Normal noise for each input at these sizes of the free axes, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    shapes = [
        [a.size or sizes[a.name] for a in axes] for axes in input_axes(model).values()
    ]
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def run(module: Callable[..., Output], inputs: tuple[Tensor, ...]) -> Output:
    """The outputs, without gradients; a module that draws random numbers draws the same ones at every call."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return module(*inputs)


def tensors(output: Output) -> list[Tensor]:
    if isinstance(output, dict):
        return list(output.values())
    return [output]


def same(a: Output, b: Output) -> bool:
    """Whether outputs are equal to the bit; NaN equals NaN."""
    pairs = list(zip(tensors(a), tensors(b), strict=True))
    return all(
        x.shape == y.shape and bool(torch.all((x == y) | (x.isnan() & y.isnan())))
        for x, y in pairs
    )
