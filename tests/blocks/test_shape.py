"""Blocks that move axes, against numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("dims", [[0, 2, 1, 3], [0, 3, 2, 1]])
def test_permute(make: Make, dims: list[int]) -> None:
    x = torch.randn(2, 3, 4, 5)
    assert np.array_equal(make("Permute", x.shape, dims=dims)(x).numpy(), np.transpose(x.numpy(), dims))


@pytest.mark.parametrize("dim", [2, -2, [2, 4], [-1, 2]])
def test_squeeze(make: Make, dim: int | list[int]) -> None:
    x = torch.randn(2, 3, 1, 4, 1)
    if dim == -2:
        with pytest.raises(ValueError, match="Squeeze takes away axes of size 1, but axis -2 has size 4"):
            make("Squeeze", x.shape, dim=dim)(x)
        return
    axis = tuple(dim) if isinstance(dim, list) else dim
    assert np.array_equal(make("Squeeze", x.shape, dim=dim)(x).numpy(), np.squeeze(x.numpy(), axis))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_squeeze_never_keeps_an_axis_silently(make: Make, device: str) -> None:
    with pytest.raises(ValueError, match="axis 3 has size 5"):
        make("Squeeze", (2, 3, 1, 5), dim=[2, 3])(torch.randn(2, 3, 1, 5, device=device))


@pytest.mark.parametrize("dim", [1, 2, -1])
def test_unsqueeze(make: Make, dim: int) -> None:
    x = torch.randn(2, 3, 4)
    assert np.array_equal(make("UnSqueeze", x.shape, dim=dim)(x).numpy(), np.expand_dims(x.numpy(), dim))


@pytest.mark.parametrize(("start", "end", "shape"), [(1, -1, (2, 60)), (2, 3, (2, 3, 20)), (1, 2, (2, 12, 5))])
def test_flatten(make: Make, start: int, end: int, shape: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, 4, 5)
    y = make("Flatten", x.shape, start_dim=start, end_dim=end)(x)
    assert np.array_equal(y.numpy(), x.numpy().reshape(shape))


def test_upsample_repeats(make: Make) -> None:
    x = torch.randn(2, 3, 4, 5)
    y = make("Upsample", x.shape, scale_factor=2)(x)
    assert np.array_equal(y.numpy(), x.numpy().repeat(2, axis=2).repeat(2, axis=3))
