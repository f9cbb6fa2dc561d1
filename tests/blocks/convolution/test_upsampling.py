"""Upsampling with a convolution, against numpy's repetition and interpolation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.registry import Block

Make = Callable[..., Block]


def linear(x: np.ndarray, times: int) -> np.ndarray:
    """Interpolation along the last axis, sample centres aligned at (i + .5) / times - .5, ends held."""
    places = (np.arange(x.shape[-1] * times) + 0.5) / times - 0.5
    return np.apply_along_axis(
        lambda row: np.interp(places, np.arange(len(row)), row), -1, x
    )


def convolved(x: Tensor, block: Block) -> Tensor:
    """Every output as the sum of its taps, zeros beyond the edges. x is (B, C, F, T)."""
    weight = block.conv.weight.reshape(
        *block.conv.weight.shape[:2], -1, block.conv.weight.shape[-1]
    )
    height, width = weight.shape[2:]
    padded = torch.nn.functional.pad(
        x, (width // 2, width // 2, height // 2, height // 2)
    )
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    return torch.einsum("bcftpq,ocpq->boft", windows, weight) + block.conv.bias.view(
        1, -1, 1, 1
    )


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_1d(make: Make, mode: str) -> None:
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    block = make(
        "UpsampleConv1d",
        x.shape,
        out_channels=4,
        scale_factor=3,
        kernel_size=5,
        mode=mode,
    )
    more = x.numpy().repeat(3, axis=2) if mode == "nearest" else linear(x.numpy(), 3)
    expected = convolved(torch.from_numpy(more).unsqueeze(2), block).squeeze(2)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_2d(make: Make, mode: str) -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    block = make(
        "UpsampleConv2d",
        x.shape,
        out_channels=2,
        scale_factor=[3, 2],
        kernel_size=[5, 3],
        mode=mode,
    )
    if mode == "nearest":
        more = x.numpy().repeat(3, axis=2).repeat(2, axis=3)
    else:
        more = linear(linear(x.numpy(), 2).swapaxes(2, 3), 3).swapaxes(2, 3)
    torch.testing.assert_close(
        block(x), convolved(torch.from_numpy(np.ascontiguousarray(more)), block)
    )


def test_a_constant_goes_up_without_a_checkerboard(make: Make) -> None:
    x = torch.ones(1, 2, 6, dtype=torch.float64)
    y = make("UpsampleConv1d", x.shape, out_channels=3)(x)[..., 1:-1]
    torch.testing.assert_close(y, y[..., :1].expand_as(y))
    transposed = make(
        "ConvTranspose1d", x.shape, out_channels=3, kernel_size=3, stride=2
    )(x)[..., 2:-2]
    assert transposed.std(dim=2).min() > 0.01
