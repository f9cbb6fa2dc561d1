"""Convolutions against naive loops and against what they are defined as."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]


def naive_conv2d(
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> Tensor:
    """Cross-correlation by its definition; x is already padded."""
    outs, per_group, height, width = weight.shape
    rows = (x.shape[2] - (height - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (x.shape[3] - (width - 1) * dilation[1] - 1) // stride[1] + 1
    y = torch.zeros(len(x), outs, rows, columns, dtype=x.dtype)
    for out, i, j in itertools.product(range(outs), range(rows), range(columns)):
        first = out // (outs // groups) * per_group
        for c, p, q in itertools.product(range(per_group), range(height), range(width)):
            source = x[
                :,
                first + c,
                i * stride[0] + p * dilation[0],
                j * stride[1] + q * dilation[1],
            ]
            y[:, out, i, j] += weight[out, c, p, q] * source
    return y


@pytest.mark.parametrize(
    ("stride", "dilation", "groups"),
    [((1, 1), (1, 1), 1), ((2, 1), (1, 3), 1), ((1, 2), (2, 1), 2)],
)
def test_conv2d_by_naive_loops(
    make: Make, stride: tuple[int, int], dilation: tuple[int, int], groups: int
) -> None:
    shape = (2, 4, 7, 8)
    config = {"stride": list(stride), "dilation": list(dilation), "groups": groups}
    block = make(
        "Conv2d", shape, out_channels=4, kernel_size=[3, 2], bias=False, **config
    )
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(
        block(x), naive_conv2d(x, block.weight, stride, dilation, groups)
    )


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d"])
@pytest.mark.parametrize("kernel", [1, 2, 5, 6])
@pytest.mark.parametrize("dilation", [1, 3])
def test_same_keeps_sizes(make: Make, name: str, kernel: int, dilation: int) -> None:
    shape = (1, 2, 9) if name == "Conv1d" else (1, 2, 9, 8)
    block = make(
        name,
        shape,
        out_channels=3,
        kernel_size=kernel,
        padding="same",
        dilation=dilation,
    )
    assert block(torch.randn(shape, dtype=torch.float64)).shape == (1, 3, *shape[2:])


def test_conv_transpose_2d_is_the_adjoint_of_conv2d(make: Make) -> None:
    up = make(
        "ConvTranspose2d",
        (2, 3, 4, 5),
        out_channels=2,
        kernel_size=[4, 3],
        stride=[3, 1],
        padding=1,
        bias=False,
    )
    small = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    big = torch.randn_like(up(small))
    down = torch.nn.functional.conv2d(big, up.weight, stride=(3, 1), padding=1)
    torch.testing.assert_close((up(small) * big).sum(), (small * down).sum())


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "Conv1d",
            {"padding": "same", "stride": 2},
            "with a stride, padding cannot be 'same'",
        ),
        (
            "Conv2d",
            {"padding": "same", "stride": [1, 2]},
            "with a stride, padding cannot be 'same'",
        ),
        ("Conv2d", {"padding": [1, -1]}, "greater than or equal to 0"),
        ("Conv1d", {"groups": 3}, "'out_channels' is 4, which 3 groups do not divide"),
        (
            "Conv1d",
            {"in_channels": 3, "groups": 2},
            "'in_channels' is 3, which 2 groups do not divide",
        ),
        (
            "ConvTranspose1d",
            {"stride": 2, "output_padding": 2},
            "output_padding must be smaller than the stride",
        ),
        (
            "ConvTranspose2d",
            {"stride": [1, 3], "output_padding": [0, 3]},
            "output_padding must be smaller",
        ),
        ("ConvTranspose2d", {"padding": -1}, "greater than or equal to 0"),
    ],
)
def test_what_torch_refuses_is_refused_by_the_config(
    name: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.blocks()[name].cls.Config(
            **{"out_channels": 4, "kernel_size": 3, **config}
        )


@pytest.mark.parametrize(
    "config",
    [
        {"stride": [2, 3], "output_padding": [1, 2]},
        {"dilation": 2, "output_padding": 1},
    ],
)
def test_every_output_padding_that_torch_takes_is_taken(
    make: Make, config: dict[str, Any]
) -> None:
    make("ConvTranspose2d", (1, 2, 4, 4), out_channels=2, kernel_size=3, **config)(
        torch.randn(1, 2, 4, 4).double()
    )


CAUSAL = [(1, 1, 1), (3, 1, 1), (4, 1, 2), (4, 2, 1), (7, 3, 1), (3, 3, 2)]


@pytest.mark.parametrize(("kernel", "stride", "dilation"), CAUSAL)
@pytest.mark.parametrize("mode", ["zeros", "replicate"])
def test_causal_conv_by_naive_loops(
    make: Make, kernel: int, stride: int, dilation: int, mode: str
) -> None:
    x = torch.randn(2, 3, 14, dtype=torch.float64)
    block = make(
        "Conv1d",
        x.shape,
        out_channels=4,
        kernel_size=kernel,
        stride=stride,
        dilation=dilation,
        padding="causal",
        padding_mode=mode,
    )
    expected = torch.empty(2, 4, 14 // stride, dtype=torch.float64)
    for t in range(expected.shape[2]):
        # The last tap lies on the last frame of the stride, the others before it.
        y = block.bias.repeat(2, 1)
        for tap in range(kernel):
            at = t * stride + stride - 1 - (kernel - 1 - tap) * dilation
            first = x[:, :, 0] if mode == "replicate" else torch.zeros_like(x[:, :, 0])
            frame = x[:, :, at] if at >= 0 else first
            y = y + frame @ block.weight[:, :, tap].T
        expected[:, :, t] = y
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), CAUSAL)
def test_a_causal_stream_is_the_whole(
    make: Make, kernel: int, stride: int, dilation: int
) -> None:
    """Down and up again by causal convolutions: every prefix of whole strides gives the prefix of the output."""
    sizes = {"kernel_size": kernel, "stride": stride, "dilation": dilation}
    down = make("Conv1d", (1, 2, 18), out_channels=3, padding="causal", **sizes)
    up = make("ConvTranspose1d", (1, 3, 6), out_channels=2, padding="causal", **sizes)
    x = torch.randn(1, 2, 18, dtype=torch.float64)
    whole = up(down(x))
    assert whole.shape == x.shape
    for n in range(stride, 18, stride):
        torch.testing.assert_close(up(down(x[..., :n])), whole[..., :n])


@pytest.mark.parametrize(("kernel", "stride", "dilation"), CAUSAL)
def test_causal_conv_transpose_is_the_full_one_without_its_end(
    make: Make, kernel: int, stride: int, dilation: int
) -> None:
    x = torch.randn(2, 3, 7, dtype=torch.float64)
    sizes = {"kernel_size": kernel, "stride": stride, "dilation": dilation}
    block = make("ConvTranspose1d", x.shape, out_channels=4, padding="causal", **sizes)
    full = torch.nn.functional.conv_transpose1d(
        x, block.weight, block.bias, stride=stride, dilation=dilation
    )
    torch.testing.assert_close(block(x), full[..., : 7 * stride])


@pytest.mark.parametrize(
    ("name", "config", "told"),
    [
        ("Conv1d", {"kernel_size": 2, "stride": 3}, "must span its stride of 3 frames"),
        ("Conv1d", {"kernel_size": 3, "padding_mode": "reflect"}, "takes later frames"),
        ("ConvTranspose1d", {"kernel_size": 2, "stride": 4}, "but it spans 2"),
        (
            "ConvTranspose1d",
            {"kernel_size": 4, "stride": 2, "output_padding": 1},
            "output_padding must be 0",
        ),
    ],
)
def test_what_cannot_be_causal_is_refused(
    name: str, config: dict[str, Any], told: str
) -> None:
    cls = registry.get(name).cls.Config
    with pytest.raises(ValidationError, match=told):
        cls(out_channels=4, padding="causal", **config)
