"""Convolution blocks against their layers one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mirbricks.blocks.convolution.convblock import groups_of
from mirbricks.registry import Block

Make = Callable[..., Block]


def normed(x: Tensor, kind: str, eps: float = 1e-5) -> Tensor:
    """Normalisation by its definition, with scale 1 and shift 0. x is (B, C, ...)."""
    if kind == "none":
        return x
    shape, axes = x.shape, tuple(range(2, x.ndim))
    if kind == "group":
        groups = groups_of(shape[1], 8)
        y = x.reshape(len(x), groups, -1)
        y = (y - y.mean(2, keepdim=True)) / (
            y.var(2, correction=0, keepdim=True) + eps
        ).sqrt()
        return y.reshape(shape)
    axes = (0, *axes) if kind == "batch" else axes
    return (x - x.mean(axes, keepdim=True)) / (
        x.var(axes, correction=0, keepdim=True) + eps
    ).sqrt()


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("activate", ["each", "last"])
@pytest.mark.parametrize(
    ("name", "shape"), [("ConvBlock1d", (3, 2, 9)), ("ConvBlock2d", (3, 2, 6, 7))]
)
def test_by_its_layers(
    make: Make, name: str, shape: tuple[int, ...], activate: str, norm: str
) -> None:
    block = make(
        name,
        shape,
        out_channels=4,
        norm=norm,
        activate=activate,
        activation="LeakyReLU",
        dilation=2,
        norm_eps=0.3,
    )
    x = torch.randn(shape, dtype=torch.float64)
    y, conv = x, functional.conv1d if name == "ConvBlock1d" else functional.conv2d
    weights = [
        (m.weight, m.bias)
        for m in block.modules()
        if isinstance(m, torch.nn.Conv1d | torch.nn.Conv2d)
    ]
    assert len(weights) == 2
    for i, (weight, bias) in enumerate(weights):
        assert (bias is None) == (norm in ("batch", "instance"))
        y = normed(conv(y, weight, bias, padding=2, dilation=2), norm, eps=0.3)
        y = torch.where(y > 0, y, 0.2 * y) if activate == "each" or i == 1 else y
    torch.testing.assert_close(block(x), y)


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh"])
def test_activations_go_by_their_torch_names(make: Make, name: str) -> None:
    block = make(
        "ConvBlock1d",
        (1, 2, 5),
        out_channels=2,
        n_layers=1,
        norm="none",
        activation=name,
    )
    assert [type(layer).__name__ for layer in block.layers] == ["Conv1d", name]


def test_dropout_is_last_and_in_training_only(make: Make) -> None:
    config: dict[str, Any] = {"out_channels": 3, "norm": "none", "activation": "ELU"}
    block, plain = (
        make("ConvBlock1d", (2, 2, 50), dropout=0.5, **config),
        make("ConvBlock1d", (2, 2, 50), **config),
    )
    plain.load_state_dict(block.state_dict())
    x = torch.randn(2, 2, 50, dtype=torch.float64)
    y = block(x)
    torch.testing.assert_close(y, torch.where(y == 0, 0.0, 2 * plain(x)))
    assert 0.3 < (y == 0).double().mean() < 0.7
    assert torch.equal(block.eval()(x), plain(x))


@pytest.mark.parametrize(
    ("channels", "most", "groups"),
    [(64, 8, 8), (6, 8, 6), (20, 8, 5), (7, 3, 1), (96, 32, 32)],
)
def test_groups_divide_the_channels(channels: int, most: int, groups: int) -> None:
    assert groups_of(channels, most) == groups
