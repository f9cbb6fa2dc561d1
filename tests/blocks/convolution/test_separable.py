"""Depthwise separable convolutions against naive loops."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mirbricks.registry import Block

Make = Callable[..., Block]
Sizes = Callable[[Block], dict[str, tuple[int, ...]]]


def naive(
    x: Tensor,
    w: dict[str, Tensor],
    per_channel: int,
    stride: list[int],
    dilation: list[int],
) -> Tensor:
    """Each filter sees one channel; then every output is a weighted sum of the filtered channels. x is (B, C, F, T)."""
    deep, height, width = (
        w["depthwise.weight"].shape[0],
        *w["depthwise.weight"].shape[-2:],
    )
    rows = (x.shape[2] - (height - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (x.shape[3] - (width - 1) * dilation[1] - 1) // stride[1] + 1
    filtered = torch.zeros(len(x), deep, rows, columns, dtype=x.dtype)
    for m, i, j, p, q in itertools.product(
        *map(range, (deep, rows, columns, height, width))
    ):
        source = x[
            :,
            m // per_channel,
            i * stride[0] + p * dilation[0],
            j * stride[1] + q * dilation[1],
        ]
        filtered[:, m, i, j] += w["depthwise.weight"][m, 0, p, q] * source
    filtered += w["depthwise.bias"].view(1, -1, 1, 1)
    mixed = torch.einsum("bmft,om->boft", filtered, w["pointwise.weight"].flatten(1))
    return mixed + w["pointwise.bias"].view(1, -1, 1, 1)


@pytest.mark.parametrize("per_channel", [1, 3])
def test_2d_by_its_two_steps(make: Make, sizes_of: Sizes, per_channel: int) -> None:
    shape = (2, 3, 6, 5)
    config = {
        "kernel_size": [3, 2],
        "stride": [1, 2],
        "dilation": [2, 1],
        "kernels_per_layer": per_channel,
    }
    block, x = (
        make("DepthwiseSeparableConv2d", shape, out_channels=4, **config),
        torch.randn(shape).double(),
    )
    torch.testing.assert_close(
        block(x).detach(), naive(x, block.state_dict(), per_channel, [1, 2], [2, 1])
    )
    # By hand, since the loops read their sizes from the weights.
    assert sizes_of(block) == {
        "depthwise.weight": (3 * per_channel, 1, 3, 2),
        "depthwise.bias": (3 * per_channel,),
        "pointwise.weight": (4, 3 * per_channel, 1, 1),
        "pointwise.bias": (4,),
    }


@pytest.mark.parametrize("per_channel", [1, 2])
def test_1d_by_its_two_steps(make: Make, sizes_of: Sizes, per_channel: int) -> None:
    shape = (2, 3, 9)
    config = {
        "kernel_size": 3,
        "stride": 2,
        "dilation": 2,
        "kernels_per_layer": per_channel,
    }
    block, x = (
        make("DepthwiseSeparableConv1d", shape, out_channels=4, **config),
        torch.randn(shape).double(),
    )
    w = {
        key: value.unsqueeze(-2) if "depthwise.weight" in key else value
        for key, value in block.state_dict().items()
    }
    assert sizes_of(block) == {
        "depthwise.weight": (3 * per_channel, 1, 3),
        "depthwise.bias": (3 * per_channel,),
        "pointwise.weight": (4, 3 * per_channel, 1),
        "pointwise.bias": (4,),
    }
    expected = naive(x.unsqueeze(2), w, per_channel, [1, 2], [1, 2]).squeeze(2)
    torch.testing.assert_close(block(x).detach(), expected)


def test_has_far_fewer_weights_than_a_full_convolution(make: Make) -> None:
    block = make(
        "DepthwiseSeparableConv2d",
        (1, 64, 5, 5),
        out_channels=128,
        kernel_size=3,
        bias=False,
    )
    assert (
        sum(p.numel() for p in block.parameters()) == 64 * 9 + 64 * 128
    )  # MobileNets, section 3.1


@pytest.mark.parametrize(("name", "shape"), [("1d", (1, 2, 9)), ("2d", (1, 2, 9, 8))])
def test_same_keeps_sizes(make: Make, name: str, shape: tuple[int, ...]) -> None:
    block = make(
        f"DepthwiseSeparableConv{name}",
        shape,
        out_channels=3,
        kernel_size=4,
        padding="same",
        dilation=2,
    )
    assert block(torch.randn(shape).double()).shape == (1, 3, *shape[2:])
