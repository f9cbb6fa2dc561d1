"""Normalisations by their formulas; batch, layer and group norm are also in test_plain_layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (3, 4, 5, 6)


def standardised(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return (x - x.mean(axes, keepdim=True)) / (
        x.var(axes, correction=0, keepdim=True) + 1e-5
    ).sqrt()


@pytest.mark.parametrize("dims", [1, 2, -1, [1, 2], [3, 1], [1, 2, 3]])
def test_layer_norm_over_chosen_axes(make: Make, dims: int | list[int]) -> None:
    block, x = (
        make("LayerNormAxes", SHAPE, dims=dims),
        2 * torch.randn(SHAPE, dtype=torch.float64) + 1,
    )
    axes = tuple(dims) if isinstance(dims, list) else (dims,)
    assert block.weight.shape == tuple(SHAPE[axis] for axis in axes)
    torch.nn.init.normal_(block.weight)
    torch.nn.init.normal_(block.bias)
    letters = "bcft"
    chosen = "".join(letters[axis] for axis in axes)
    expected = torch.einsum(f"bcft,{chosen}->bcft", standardised(x, axes), block.weight)
    expected = expected + torch.einsum(
        f"bcft,{chosen}->bcft", torch.ones_like(x), block.bias
    )
    torch.testing.assert_close(block(x), expected)


def test_layer_norm_over_the_last_axes_is_layer_norm(make: Make) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    mine, torchs = (
        make("LayerNormAxes", SHAPE, dims=[2, 3]),
        make("LayerNorm", SHAPE, normalized_shape=[5, 6]),
    )
    assert torch.equal(mine(x), torchs(x))


@pytest.mark.parametrize("dims", [0, [], [1, 0]])
def test_the_batch_is_never_normalised(dims: int | list[int]) -> None:
    with pytest.raises(ValidationError, match="one axis at least, and not the batch"):
        registry.blocks()["LayerNormAxes"].cls.Config(dims=dims)


def test_an_axis_that_is_not_there_is_named(make: Make) -> None:
    with pytest.raises(ValueError, match=r"the input has no axis 4"):
        make("LayerNormAxes", SHAPE, dims=4)


def test_axes_that_are_not_normalised_stay_free() -> None:
    model = mb.compile_graph(
        {"input": "B C=4 F=5 T", "layers": [{"LayerNormAxes": {"dims": [1, 2]}}]}
    )
    assert model(torch.randn(2, 4, 5, 9)).shape == (2, 4, 5, 9)
    with pytest.raises(GraphError, match="'sizes' would depend on T, which is free"):
        mb.compile_graph(
            {"input": "B C=4 F=5 T", "layers": [{"LayerNormAxes": {"dims": 3}}]}
        )


def test_a_reused_norm_takes_the_same_sizes() -> None:
    layers: list[Any] = [{"LayerNormAxes": {"name": "norm"}}, "ReLU", {"Reuse": "norm"}]
    model = mb.compile_graph({"input": "B C=4 T", "layers": layers})
    x = torch.randn(2, 4, 7)
    torch.testing.assert_close(
        model(x), standardised(standardised(x, (1,)).relu(), (1,))
    )


@pytest.mark.parametrize("track", [False, True])
@pytest.mark.parametrize(
    ("name", "shape"), [("InstanceNorm1d", (3, 4, 5)), ("InstanceNorm2d", SHAPE)]
)
def test_instance_norm(
    make: Make, name: str, shape: tuple[int, ...], track: bool
) -> None:
    block = make(name, shape, affine=True, track_running_stats=track)
    x, axes, size = (
        torch.randn(shape, dtype=torch.float64),
        tuple(range(2, len(shape))),
        [-1, *[1] * (len(shape) - 2)],
    )
    torch.nn.init.normal_(block.weight)
    torch.nn.init.normal_(block.bias)
    weight, bias = block.weight.view(size), block.bias.view(size)
    torch.testing.assert_close(block(x), standardised(x, axes) * weight + bias)
    if track:  # a tenth of the items' mean statistics after one batch
        mean, variance = 0.1 * x.mean(axes).mean(0), 0.9 + 0.1 * x.var(axes).mean(0)
        expected = (x - mean.view(size)) / (
            variance.view(size) + 1e-5
        ).sqrt() * weight + bias
        torch.testing.assert_close(block.eval()(x), expected)
    else:
        assert torch.equal(block.eval()(x), block.train()(x))


def test_rms_norm(make: Make) -> None:
    block, x = (
        make("RMSNorm", (2, 3, 4), eps=0.1),
        torch.randn(2, 3, 4, dtype=torch.float64),
    )
    torch.nn.init.normal_(block.weight)
    torch.testing.assert_close(
        block(x), x / (x.square().mean(2, keepdim=True) + 0.1).sqrt() * block.weight
    )


@pytest.mark.parametrize("dim", [1, -1, [1, 2]])
def test_l2_normalize_by_numpy(make: Make, dim: Any) -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    axes = tuple(dim) if isinstance(dim, list) else dim
    lengths = np.sqrt((x.numpy() ** 2).sum(axis=axes, keepdims=True))
    y = make("L2Normalize", x.shape, dim=dim)(x)
    torch.testing.assert_close(y, torch.from_numpy(x.numpy() / lengths))


def test_l2_normalize_leaves_zeros_and_divides_short_vectors_by_eps(make: Make) -> None:
    x = torch.tensor([[0.0, 0.0], [3e-4, 4e-4], [3.0, 4.0]], dtype=torch.float64)
    y = make("L2Normalize", x.shape, eps=1e-2)(x)
    expected = [[0.0, 0.0], [0.03, 0.04], [0.6, 0.8]]
    torch.testing.assert_close(y, torch.tensor(expected, dtype=torch.float64))
    x.requires_grad_()
    (slope,) = torch.autograd.grad(make("L2Normalize", x.shape)(x).sum(), x)
    assert slope.isfinite().all()
