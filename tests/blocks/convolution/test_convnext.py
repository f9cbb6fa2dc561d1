"""The ConvNeXt block against its definition."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (2, 4, 9, 8)


def branch(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """Depthwise convolution, norm over channels, MLP: what is added to the shortcut, before any scale."""
    kernel = w["depthwise.weight"]
    pads = (kernel.shape[3] // 2,) * 2 + (kernel.shape[2] // 2,) * 2
    y = functional.conv2d(
        functional.pad(x, pads), kernel, w["depthwise.bias"], groups=x.shape[1]
    )
    y = (y - y.mean(1, keepdim=True)) / (
        y.var(1, correction=0, keepdim=True) + 1e-6
    ).sqrt()
    y = y * w["norm.weight"].view(1, -1, 1, 1) + w["norm.bias"].view(1, -1, 1, 1)
    y = torch.einsum("bift,oi->boft", y, w["expand.weight"]) + w["expand.bias"].view(
        1, -1, 1, 1
    )
    y = y * torch.from_numpy(special.ndtr(y.numpy()))
    return torch.einsum("bift,oi->boft", y, w["project.weight"]) + w[
        "project.bias"
    ].view(1, -1, 1, 1)


@pytest.mark.parametrize("layer_scale", [None, 1e-6, 0.5])
@pytest.mark.parametrize("kernel_size", [7, [3, 5]])
def test_by_its_definition(
    make: Make, kernel_size: int | list[int], layer_scale: float | None
) -> None:
    block = make(
        "ConvNeXtBlock", SHAPE, kernel_size=kernel_size, layer_scale=layer_scale
    )
    x = torch.randn(SHAPE, dtype=torch.float64)
    expected = x + (1.0 if layer_scale is None else layer_scale) * branch(
        x, block.state_dict()
    )
    torch.testing.assert_close(block(x).detach(), expected)


def test_with_layer_scale_1_it_is_the_plain_block(make: Make) -> None:
    plain, scaled = (
        make("ConvNeXtBlock", SHAPE, layer_scale=scale) for scale in (None, 1.0)
    )
    assert scaled.load_state_dict(plain.state_dict(), strict=False).missing_keys == [
        "scale"
    ]
    x = torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(scaled(x), plain(x))


def test_other_channels_go_through_a_projected_shortcut(make: Make) -> None:
    block, x = (
        make("ConvNeXtBlock", SHAPE, out_channels=6),
        torch.randn(SHAPE, dtype=torch.float64),
    )
    w = block.state_dict()
    shortcut = torch.einsum("bift,oi->boft", x, w["shortcut.weight"][:, :, 0, 0]) + w[
        "shortcut.bias"
    ].view(1, -1, 1, 1)
    torch.testing.assert_close(block(x).detach(), shortcut + 1e-6 * branch(x, w))


def test_drop_path_drops_items_in_training_only(make: Make) -> None:
    shape = (2000, 1, 1, 1)
    block = make(
        "ConvNeXtBlock", shape, kernel_size=1, layer_scale=None, drop_path=0.25
    )
    x = torch.randn(shape, dtype=torch.float64)
    full = block.eval()(x) - x
    ratio = ((block.train()(x) - x) / full).detach().flatten()
    assert torch.allclose(ratio, torch.where(ratio.abs() < 0.5, 0.0, 1 / 0.75).double())
    assert abs((ratio.abs() < 0.5).double().mean() - 0.25) < 0.04


@pytest.mark.parametrize("out_channels", [4, 6])
def test_1d_is_2d_with_one_bin(make: Make, out_channels: int) -> None:
    config = {"out_channels": out_channels, "layer_scale": 0.5}
    line, plane = (
        make("ConvNeXtBlock1d", (2, 4, 9), **config),
        make("ConvNeXtBlock", (2, 4, 1, 9), **config),
    )
    weights = {}
    for key, value in line.state_dict().items():
        weights[key] = value
        if key == "depthwise.weight":  # the taps of other bins see the padding only
            weights[key] = torch.randn_like(plane.depthwise.weight)
            weights[key][:, :, 3] = value
        elif key == "shortcut.weight":
            weights[key] = value.unsqueeze(2)
    plane.load_state_dict(weights)
    x = torch.randn(2, 4, 9, dtype=torch.float64)
    torch.testing.assert_close(line(x), plane(x.unsqueeze(2)).squeeze(2))
