"""The SampleCNN block against sums over taps, and the paper's way from 59049 samples to one frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("pool_size", [1, 2, 3])
def test_by_its_definition(make: Make, pool_size: int) -> None:
    block = make(
        "SampleCNNBlock", (2, 3, 20), out_channels=4, pool_size=pool_size
    ).eval()
    with torch.no_grad():
        block.norm.running_mean.normal_()
        block.norm.running_var.uniform_(0.5, 2)
        block.norm.weight.normal_()
        block.norm.bias.normal_()
    x, w, norm = (
        torch.randn(2, 3, 20, dtype=torch.float64),
        block.conv.weight,
        block.norm,
    )
    expected = torch.zeros(2, 4, 20 // pool_size, dtype=torch.float64)
    for t in range(expected.shape[2]):
        pooled = []
        for u in range(t * pool_size, (t + 1) * pool_size):
            y = sum(
                x[:, :, u + k - 1] @ w[:, :, k].T
                for k in range(3)
                if 0 <= u + k - 1 < 20
            )
            y = (y - norm.running_mean) / (
                norm.running_var + norm.eps
            ).sqrt() * norm.weight + norm.bias
            pooled.append(y.clamp(min=0))
        expected[:, :, t] = torch.stack(pooled).amax(0)
    torch.testing.assert_close(block(x).detach(), expected.detach())


def test_the_first_layer_of_the_paper_is_a_strided_convolution(make: Make) -> None:
    block = make(
        "SampleCNNBlock", (2, 1, 21), out_channels=4, stride=3, pool_size=1
    ).eval()
    x = torch.randn(2, 1, 21, dtype=torch.float64)
    expected = block.norm(nn.functional.conv1d(x, block.conv.weight, stride=3)).relu()
    torch.testing.assert_close(block(x), expected)


def test_ten_layers_of_three_make_one_frame_of_59049_samples(make: Make) -> None:
    x = torch.randn(1, 1, 3**10, dtype=torch.float64)
    layers = [make("SampleCNNBlock", (1, 1, 9), out_channels=2, stride=3, pool_size=1)]
    layers += [make("SampleCNNBlock", (1, 2, 9), out_channels=2) for _ in range(9)]
    assert nn.Sequential(*layers).eval()(x).shape == (1, 2, 1)
