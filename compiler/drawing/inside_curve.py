"""The curve of a block that treats every value alone: y over x, as the block itself computes it."""

from __future__ import annotations

import math

import torch

from ...registry import Spec, build
from .plot import Curve

# x from -4 to 4, points from one integer to the next
SPAN = 4
STEPS = 32


def curve(spec: Spec) -> Curve:
    """Points of y over x where a block's first example, in eval(), is one function of each value, and no straight line.

    Empty for all other blocks: those that change the shape, or in which one value has a part in several.
    """
    example = spec.examples[0]
    if len(example.shapes) != 1:
        return ()
    shape = example.shapes[0][1:]
    size = math.prod(shape)
    config = spec.cls.Config(**example.config)
    with torch.random.fork_rng(
        devices=[]
    ):  # the same weights, and so the same picture, every time
        torch.manual_seed(0)
        block = (
            build(spec, config.resolve(spec.contract.bind(example.shapes)))
            .eval()
            .double()
        )
    x = torch.linspace(-SPAN, SPAN, 2 * SPAN * STEPS + 1, dtype=torch.float64)
    alone = (
        x.view(-1, *[1] * len(shape)).expand(-1, *shape).contiguous()
    )  # an item has one value everywhere
    mixed = torch.stack(
        [alone.roll(37 * i, 0).reshape(len(x), -1)[:, i] for i in range(size)], 1
    ).view_as(alone)
    with torch.no_grad():
        y = block(alone)
        y_mixed = block(mixed)
    if y.shape != alone.shape or not torch.is_floating_point(y):
        return ()
    ys = y.reshape(len(x), -1)[:, 0]
    expected = torch.stack([ys.roll(37 * i, 0) for i in range(size)], 1).view_as(alone)
    bent = ys.diff(n=2).abs().max() > 1e-6
    if not bent or not torch.allclose(y_mixed, expected, rtol=1e-9, atol=1e-9):
        return ()
    return tuple(zip(x.tolist(), ys.tolist(), strict=True))
