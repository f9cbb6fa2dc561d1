"""Plain layers are torch's own: same keys, same weights, same output as the functional form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
Reference = Callable[[Tensor, dict[str, Tensor]], Tensor]

# block, input shape, config, keys of the state, the same by torch.nn.functional
LAYERS: list[tuple[str, tuple[int, ...], dict[str, Any], str, Reference]] = [
    (
        "Conv1d",
        (2, 4, 13),
        {
            "out_channels": 6,
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
            "dilation": 2,
            "groups": 2,
        },
        "weight bias",
        lambda x, w: F.conv1d(x, w["weight"], w["bias"], 2, 1, 2, 2),
    ),
    (
        "Conv1d",
        (2, 3, 9),
        {
            "out_channels": 2,
            "kernel_size": 5,
            "padding": 2,
            "padding_mode": "reflect",
            "bias": False,
        },
        "weight",
        lambda x, w: F.conv1d(F.pad(x, (2, 2), mode="reflect"), w["weight"]),
    ),
    (
        "Conv1d",
        (2, 3, 9),
        {"out_channels": 2, "kernel_size": 4, "padding": "same", "dilation": 2},
        "weight bias",
        lambda x, w: F.conv1d(F.pad(x, (3, 3)), w["weight"], w["bias"], dilation=2),
    ),
    (
        "Conv2d",
        (2, 3, 11, 9),
        {
            "out_channels": 4,
            "kernel_size": [5, 3],
            "stride": [2, 1],
            "padding": [2, 1],
            "dilation": [1, 2],
        },
        "weight bias",
        lambda x, w: F.conv2d(x, w["weight"], w["bias"], (2, 1), (2, 1), (1, 2)),
    ),
    (
        "Conv2d",
        (2, 2, 8, 7),
        {"out_channels": 3, "kernel_size": [4, 3], "padding": "same"},
        "weight bias",
        lambda x, w: F.conv2d(F.pad(x, (1, 1, 1, 2)), w["weight"], w["bias"]),
    ),
    (
        "ConvTranspose1d",
        (2, 3, 5),
        {
            "out_channels": 4,
            "kernel_size": 4,
            "stride": 3,
            "padding": 1,
            "output_padding": 1,
            "dilation": 2,
        },
        "weight bias",
        lambda x, w: F.conv_transpose1d(x, w["weight"], w["bias"], 3, 1, 1, dilation=2),
    ),
    (
        "ConvTranspose2d",
        (2, 3, 4, 5),
        {
            "out_channels": 2,
            "kernel_size": [11, 3],
            "stride": [5, 1],
            "padding": [3, 1],
        },
        "weight bias",
        lambda x, w: F.conv_transpose2d(x, w["weight"], w["bias"], (5, 1), (3, 1)),
    ),
    (
        "Linear",
        (2, 5, 4),
        {"out_features": 3},
        "weight bias",
        lambda x, w: F.linear(x, w["weight"], w["bias"]),
    ),
    (
        "LayerNorm",
        (2, 3, 4, 5),
        {},
        "weight bias",
        lambda x, w: F.layer_norm(x, (3, 4, 5), w["weight"], w["bias"]),
    ),
    (
        "LayerNorm",
        (2, 3, 4),
        {"normalized_shape": [4], "eps": 0.1},
        "weight bias",
        lambda x, w: F.layer_norm(x, (4,), w["weight"], w["bias"], 0.1),
    ),
    (
        "GroupNorm",
        (2, 4, 3, 5),
        {"num_groups": 2},
        "weight bias",
        lambda x, w: F.group_norm(x, 2, w["weight"], w["bias"]),
    ),
    (
        "PReLU",
        (2, 3, 4),
        {"num_parameters": 3},
        "weight",
        lambda x, w: F.prelu(x, w["weight"]),
    ),
    (
        "MaxPool1d",
        (2, 3, 11),
        {"kernel_size": 3, "stride": 2},
        "",
        lambda x, _: F.max_pool1d(x, 3, 2),
    ),
    (
        "MaxPool1d",
        (2, 3, 11),
        {"kernel_size": 4, "ceil_mode": True},
        "",
        lambda x, _: F.max_pool1d(x, 4, ceil_mode=True),
    ),
    (
        "MaxPool2d",
        (2, 3, 7, 6),
        {"kernel_size": [3, 2], "padding": 1},
        "",
        lambda x, _: F.max_pool2d(x, (3, 2), padding=1),
    ),
    (
        "AvgPool1d",
        (2, 3, 11),
        {"kernel_size": 3, "padding": 1},
        "",
        lambda x, _: F.avg_pool1d(x, 3, padding=1),
    ),
    (
        "AvgPool2d",
        (2, 3, 7, 6),
        {"kernel_size": 2, "stride": [1, 2]},
        "",
        lambda x, _: F.avg_pool2d(x, 2, (1, 2)),
    ),
    (
        "Upsample",
        (2, 3, 4, 5),
        {"scale_factor": [2, 3]},
        "",
        lambda x, _: F.interpolate(x, scale_factor=(2, 3)),
    ),
    (
        "Upsample",
        (2, 3, 5),
        {"scale_factor": 2, "mode": "linear", "align_corners": True},
        "",
        lambda x, _: F.interpolate(
            x, scale_factor=2, mode="linear", align_corners=True
        ),
    ),
]


@pytest.mark.parametrize(("name", "shape", "config", "keys", "reference"), LAYERS)
def test_equals_torch(
    make: Make,
    name: str,
    shape: tuple[int, ...],
    config: dict[str, Any],
    keys: str,
    reference: Reference,
) -> None:
    block, x = make(name, shape, **config), torch.randn(shape, dtype=torch.float64)
    assert list(block.state_dict()) == keys.split()
    for parameter in block.parameters():  # also of norms, which start at 1 and 0
        torch.nn.init.normal_(parameter)
    torch.testing.assert_close(block(x), reference(x, block.state_dict()))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("BatchNorm1d", (5, 3)),
        ("BatchNorm1d", (5, 3, 4)),
        ("BatchNorm2d", (5, 3, 4, 2)),
    ],
)
def test_batch_norm_by_its_formula(
    make: Make, name: str, shape: tuple[int, ...]
) -> None:
    block, x = make(name, shape), 3 * torch.randn(shape, dtype=torch.float64) + 1
    axes = [i for i in range(len(shape)) if i != 1]
    size = [1, 3] + [1] * (len(shape) - 2)
    torch.nn.init.normal_(block.weight)
    torch.nn.init.normal_(block.bias)
    mean, variance = x.mean(axes), x.var(axes, correction=0)

    def normed(mean: Tensor, variance: Tensor) -> Tensor:
        y = (x - mean.view(size)) / (variance.view(size) + 1e-5).sqrt()
        return y * block.weight.view(size) + block.bias.view(size)

    torch.testing.assert_close(block(x), normed(mean, variance))
    running = 0.1 * mean, 0.9 + 0.1 * x.var(axes)
    torch.testing.assert_close(block.eval()(x), normed(*running))


def test_batch_norm_1d_t_is_batch_norm_1d_of_the_transposed(make: Make) -> None:
    block, x = (
        make("BatchNorm1dT", (4, 6, 3)),
        torch.randn(4, 6, 3, dtype=torch.float64),
    )
    expected = (x - x.mean((0, 1))) / (x.var((0, 1), correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("name", "shape"), [("Dropout", (40, 50, 20)), ("Dropout2d", (40, 50, 4, 5))]
)
def test_dropout_zeroes_and_scales_in_training_only(
    make: Make, name: str, shape: tuple[int, ...]
) -> None:
    block, x = make(name, shape, p=0.25), torch.ones(shape, dtype=torch.float64)
    y = block(x)
    assert set(y.unique().tolist()) == {0.0, 1 / 0.75}
    assert abs((y == 0).double().mean() - 0.25) < 0.03
    if name == "Dropout2d":
        assert torch.equal(y, y[..., :1, :1].expand(shape))
    assert torch.equal(block.eval()(x), x)


@pytest.mark.parametrize("name", ["Conv2d", "BatchNorm2d", "LSTM", "MaxPool2d", "ReLU"])
def test_a_plain_layer_is_the_torch_module_itself(name: str) -> None:
    assert issubclass(registry.blocks()[name].cls, getattr(torch.nn, name))
