"""The residual block against its definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (4, 3, 8, 7)
CONFIGS: list[dict[str, Any]] = [
    {"out_channels": 3},
    {
        "out_channels": 5,
        "kernel_size": [5, 3],
        "second_kernel_size": [3, 1],
        "second_dilation": [2, 1],
    },
    {"out_channels": 5, "shortcut_norm": False, "bias": True},
    {"out_channels": 3, "stride": [2, 1], "kernel_size": [3, 5], "dilation": [1, 2]},
]


def batch_norm(x: Tensor) -> Tensor:
    mean, variance = (
        x.mean((0, 2, 3), keepdim=True),
        x.var((0, 2, 3), correction=0, keepdim=True),
    )
    return (x - mean) / (variance + 1e-5).sqrt()


def pair(value: int | list[int]) -> list[int]:
    return [value, value] if isinstance(value, int) else value


@pytest.mark.parametrize("config", CONFIGS)
def test_by_its_definition(make: Make, config: dict[str, Any]) -> None:
    block, x = (
        make("ResidualBlock", SHAPE, **config),
        torch.randn(SHAPE, dtype=torch.float64),
    )
    w = block.state_dict()
    first = pair(config.get("kernel_size", 3))
    second = pair(config.get("second_kernel_size", first))
    stride, one, two = (
        pair(config.get(key, 1)) for key in ("stride", "dilation", "second_dilation")
    )
    pads = [(k - 1) * d // 2 for k, d in zip(first, one, strict=True)]
    y = functional.conv2d(x, w["conv1.weight"], w.get("conv1.bias"), stride, pads, one)
    y = batch_norm(y).clamp(min=0)
    pads = [(k - 1) * d // 2 for k, d in zip(second, two, strict=True)]
    y = batch_norm(
        functional.conv2d(y, w["conv2.weight"], w.get("conv2.bias"), 1, pads, two)
    )
    shortcut = x
    if config["out_channels"] != 3 or "stride" in config:
        key = "shortcut.0" if config.get("shortcut_norm", True) else "shortcut"
        shortcut = torch.einsum(
            "bift,oi->boft",
            x[:, :, :: stride[0], :: stride[1]],
            w[f"{key}.weight"][:, :, 0, 0],
        )
        shortcut = (
            shortcut + w[f"{key}.bias"].view(1, -1, 1, 1)
            if f"{key}.bias" in w
            else shortcut
        )
        shortcut = (
            batch_norm(shortcut) if config.get("shortcut_norm", True) else shortcut
        )
    torch.testing.assert_close(block(x).detach(), (y + shortcut).clamp(min=0))


@pytest.mark.parametrize("out_channels", [3, 5])
def test_with_a_zeroed_last_norm_it_is_relu_of_its_shortcut(
    make: Make, out_channels: int
) -> None:
    block, x = (
        make("ResidualBlock", SHAPE, out_channels=out_channels),
        torch.randn(SHAPE, dtype=torch.float64),
    )
    torch.nn.init.zeros_(block.norm2.weight)
    torch.testing.assert_close(block(x), block.shortcut(x).relu())
    if out_channels == 3:
        torch.testing.assert_close(block(x), x.relu())


def normed(x: Tensor) -> Tensor:
    """Batch norm of (B, C, T) or (B, C, F, T) as it starts."""
    axes = (0, *range(2, x.ndim))
    return (x - x.mean(axes, keepdim=True)) / (
        x.var(axes, correction=0, keepdim=True) + 1e-5
    ).sqrt()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pre_activation", [False, True])
def test_1d_by_its_definition(make: Make, pre_activation: bool, stride: int) -> None:
    config = {
        "out_channels": 5,
        "kernel_size": 5,
        "dilation": 2,
        "stride": stride,
        "pre_activation": pre_activation,
    }
    block, x = (
        make("ResidualBlock1d", (4, 3, 12), **config),
        torch.randn(4, 3, 12, dtype=torch.float64),
    )
    w = block.state_dict()
    first = normed(x).clamp(min=0) if pre_activation else x
    y = normed(functional.conv1d(first, w["conv1.weight"], None, stride, 4, 2)).clamp(
        min=0
    )
    y = functional.conv1d(y, w["conv2.weight"], None, 1, 4, 2)
    taken = first[:, :, ::stride]
    project = torch.einsum(
        "bit,oi->bot",
        taken,
        w["shortcut.weight" if pre_activation else "shortcut.0.weight"][..., 0],
    )
    if pre_activation:
        expected = y + project + w["shortcut.bias"].view(1, -1, 1)
    else:
        expected = (normed(y) + normed(project)).clamp(min=0)
    torch.testing.assert_close(block(x).detach(), expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pre_activation", [False, True])
def test_bottleneck_by_its_definition(
    make: Make, pre_activation: bool, stride: int
) -> None:
    config = {
        "out_channels": 8,
        "bottleneck_channels": 3,
        "stride": stride,
        "pre_activation": pre_activation,
    }
    block, x = (
        make("BottleneckBlock", (4, 8, 7, 6), **config),
        torch.randn(4, 8, 7, 6, dtype=torch.float64),
    )
    w = block.state_dict()
    convs = [
        lambda y: torch.einsum("bift,oi->boft", y, w["conv1.weight"][..., 0, 0]),
        lambda y: functional.conv2d(y, w["conv2.weight"], None, stride, 1),
        lambda y: torch.einsum("bift,oi->boft", y, w["conv3.weight"][..., 0, 0]),
    ]
    y, first = x, normed(x).clamp(min=0)
    for i, conv in enumerate(convs):
        y = conv(normed(y).clamp(min=0)) if pre_activation else normed(conv(y))
        y = y.clamp(min=0) if not pre_activation and i < 2 else y
    shortcut = x
    if stride == 2:
        weight = w["shortcut.weight" if pre_activation else "shortcut.0.weight"][
            ..., 0, 0
        ]
        shortcut = torch.einsum(
            "bift,oi->boft", (first if pre_activation else x)[:, :, ::2, ::2], weight
        )
        shortcut = (
            shortcut + w["shortcut.bias"].view(1, -1, 1, 1)
            if pre_activation
            else normed(shortcut)
        )
    expected = y + shortcut if pre_activation else (y + shortcut).clamp(min=0)
    torch.testing.assert_close(block(x).detach(), expected)


def test_pre_activation_by_its_definition(make: Make) -> None:
    block, x = (
        make("ResidualBlock", SHAPE, out_channels=3, pre_activation=True),
        torch.randn(SHAPE).double(),
    )
    y = functional.conv2d(normed(x).clamp(min=0), block.conv1.weight, padding=1)
    y = functional.conv2d(normed(y).clamp(min=0), block.conv2.weight, padding=1)
    torch.testing.assert_close(block(x), x + y)


@pytest.mark.parametrize(
    ("name", "last"), [("ResidualBlock1d", "norm2"), ("BottleneckBlock", "norm3")]
)
@pytest.mark.parametrize("out_channels", [3, 8])
def test_the_others_too_are_relu_of_their_shortcut(
    make: Make, name: str, last: str, out_channels: int
) -> None:
    shape = SHAPE if name == "BottleneckBlock" else SHAPE[:3]
    block, x = (
        make(name, shape, out_channels=out_channels),
        torch.randn(shape, dtype=torch.float64),
    )
    torch.nn.init.zeros_(getattr(block, last).weight)
    torch.testing.assert_close(block(x), block.shortcut(x).relu())


def test_bottleneck_has_the_papers_parameters(make: Make) -> None:
    block = make("BottleneckBlock", (1, 256, 4, 4), out_channels=256)
    assert sum(
        p.numel() for p in block.parameters()
    ) == 256 * 64 + 64 * 64 * 9 + 64 * 256 + 2 * (64 + 64 + 256)


def test_has_the_papers_parameters(make: Make) -> None:
    block = make("ResidualBlock", (1, 64, 8, 8), out_channels=128, stride=2)
    expected = 64 * 128 * 9 + 128 * 128 * 9 + 64 * 128 + 3 * 2 * 128
    assert sum(p.numel() for p in block.parameters()) == expected


@pytest.mark.parametrize(("size", "kernel"), [(7, 3), (8, 5), (9, 1)])
def test_a_stride_halves_sizes_rounded_up(make: Make, size: int, kernel: int) -> None:
    shape = (1, 2, size, size + 1)
    y = make(
        "ResidualBlock", shape, out_channels=2, stride=2, kernel_size=kernel
    ).eval()(torch.randn(shape).double())
    assert y.shape == (1, 2, -(-size // 2), -(-(size + 1) // 2))


def test_a_stride_asks_for_an_odd_kernel(make: Make) -> None:
    for name, shape in (
        ("ResidualBlock", SHAPE),
        ("ResidualBlock1d", SHAPE[:3]),
        ("BottleneckBlock", SHAPE),
    ):
        with pytest.raises(
            ValidationError, match="with a stride, kernel_size must be odd"
        ):
            make(name, shape, out_channels=2, stride=2, kernel_size=4)
    make("ResidualBlock", SHAPE, out_channels=2, kernel_size=4)
