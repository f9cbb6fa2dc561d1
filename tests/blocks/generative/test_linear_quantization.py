"""Classes of equal width against numpy's histogram bins, and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mirbricks.blocks.generative.linear_quantization import linear_decode, linear_encode
from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("channels", [2, 3, 16, 256])
def test_as_numpys_bins(channels: int) -> None:
    x = torch.rand(5000, dtype=torch.float64) * 2.2 - 1.1
    edges = np.linspace(-1, 1, channels + 1)
    expected = np.digitize(x.numpy(), edges[1:-1])
    assert np.array_equal(linear_encode(x, channels).numpy(), expected)
    assert linear_encode(torch.tensor([-1.0, 1.0]), channels).tolist() == [
        0,
        channels - 1,
    ]


@pytest.mark.parametrize("channels", [2, 16, 256])
def test_every_class_comes_back_as_its_middle(channels: int) -> None:
    codes = torch.arange(channels)
    samples = linear_decode(codes.double(), channels)
    assert torch.equal(linear_encode(samples, channels), codes)
    edges = torch.linspace(-1, 1, channels + 1, dtype=torch.float64)
    torch.testing.assert_close(samples, (edges[1:] + edges[:-1]) / 2)


def test_the_blocks_are_the_functions_and_one_hot_marks_the_class(make: Make) -> None:
    x = torch.rand(3, 1, 50, dtype=torch.float64) * 2 - 1
    codes = make("LinearEncode", (3, 1, 50), quantization_channels=32)(x)
    assert codes.dtype == torch.int64
    assert torch.equal(codes, linear_encode(x[:, 0], 32))
    decoded = make("LinearDecode", (3, 50), quantization_channels=32)(codes)
    torch.testing.assert_close(decoded, linear_decode(codes, 32)[:, None])
    one_hot = make("LinearOneHot", (3, 1, 50), quantization_channels=32)(x)
    assert torch.equal(one_hot, torch.nn.functional.one_hot(codes, 32).mT.to(x.dtype))


def test_half_precision_is_quantized_in_single() -> None:
    x = torch.rand(1000).bfloat16()
    assert torch.equal(linear_encode(x, 1024), linear_encode(x.float(), 1024))
