"""Pooling over whole axes against numpy, over windows against loops, and the axes and paddings it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (2, 6, 3, 7)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [2, -1, [1, 3]])
def test_mean_and_max(make: Make, dim: int | list[int], keepdim: bool) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    axis = tuple(dim) if isinstance(dim, list) else dim
    for name, reference in (("Mean", np.mean), ("Max", np.max)):
        expected = torch.from_numpy(reference(x.numpy(), axis=axis, keepdims=keepdim))
        torch.testing.assert_close(
            make(name, SHAPE, dim=dim, keepdim=keepdim)(x), expected
        )


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((3, 2), None, 0), ((2, 3), (1, 2), (1, 1)), ((3, 3), 2, 1)],
)
@pytest.mark.parametrize("name", ["MaxPool2d", "AvgPool2d"])
def test_windows_by_loops(
    make: Make, name: str, kernel: tuple[int, int], stride: Any, padding: Any
) -> None:
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    pads = padding if isinstance(padding, tuple) else (padding, padding)
    outside, reduce = (-np.inf, np.max) if name == "MaxPool2d" else (0.0, np.mean)
    widths = [(0, 0), (0, 0), (pads[0], pads[0]), (pads[1], pads[1])]
    padded = np.pad(x.numpy(), widths, constant_values=outside)
    steps = (
        stride
        if isinstance(stride, tuple)
        else (stride or kernel[0], stride or kernel[1])
    )
    rows, columns = ((padded.shape[2 + i] - kernel[i]) // steps[i] + 1 for i in (0, 1))
    expected = np.empty((2, 3, rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = padded[:, :, i * steps[0] :, j * steps[1] :][
                :, :, : kernel[0], : kernel[1]
            ]
            expected[:, :, i, j] = reduce(window, axis=(2, 3))
    y = make(name, x.shape, kernel_size=kernel, stride=stride, padding=padding)(x)
    torch.testing.assert_close(y, torch.from_numpy(expected))


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 4, 7)])
def test_statistics_are_numpys_mean_and_deviation(
    make: Make, shape: tuple[int, ...]
) -> None:
    x = 3 * torch.randn(shape, dtype=torch.float64) + 1
    expected = np.concatenate(
        [x.numpy().mean(-1, keepdims=True), x.numpy().std(-1, keepdims=True)], axis=1
    )
    torch.testing.assert_close(
        make("StatisticsPooling", shape)(x), torch.from_numpy(expected)
    )


def test_statistics_of_silence_and_of_a_single_frame_have_finite_gradients(
    make: Make,
) -> None:
    for x in (torch.zeros(2, 3, 7), torch.randn(2, 3, 1)):
        x.requires_grad_()
        y = make("StatisticsPooling", x.shape, eps=1e-6).float()(x)
        torch.testing.assert_close(y[:, 3:].detach(), torch.full((2, 3, 1), 1e-3))
        y.sum().backward()
        torch.testing.assert_close(
            x.grad, torch.full_like(x, 1 / x.shape[2])
        )  # of the mean alone


def test_only_a_variance_under_eps_counts_as_eps(make: Make) -> None:
    x = torch.tensor([[1.0, -1.0], [0.1, -0.1]], dtype=torch.float64)[
        None
    ]  # variances 1 and 0.01
    found = make("StatisticsPooling", x.shape, eps=0.25)(x)
    torch.testing.assert_close(
        found, torch.tensor([0.0, 0.0, 1.0, 0.5], dtype=torch.float64).view(1, 4, 1)
    )


def test_statistics_do_not_suffer_from_an_offset(make: Make) -> None:
    x = torch.randn(2, 3, 500)
    far = make("StatisticsPooling", x.shape).float()(x + 1000)[:, 3:]
    torch.testing.assert_close(
        far, x.std(-1, correction=0, keepdim=True), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "MaxPool1d",
            {"kernel_size": 3, "padding": 2},
            "'padding' is 2, more than half of kernel_size 3",
        ),
        (
            "AvgPool1d",
            {"kernel_size": 1, "padding": 1},
            "'padding' is 1, more than half of kernel_size 1",
        ),
        (
            "MaxPool2d",
            {"kernel_size": [4, 3], "padding": 2},
            "'padding' is 2, more than half of kernel_size 3",
        ),
        (
            "AvgPool2d",
            {"kernel_size": 4, "padding": [2, 3]},
            "'padding' is 3, more than half of kernel_size 4",
        ),
        ("Mean", {"dim": 0}, "'dim' cannot be 0, the batch: its items do not mix"),
        ("Max", {"dim": [1, 0]}, "'dim' cannot be 0, the batch: its items do not mix"),
        ("Mean", {"dim": []}, "'dim' is an empty list: give at least one axis"),
        ("Max", {"dim": [2, 2]}, "'dim' names an axis twice: [2, 2]"),
    ],
)
def test_what_no_tensor_could_meet_is_refused_by_the_config(
    name: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get(name).cls.Config(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


@pytest.mark.parametrize("padding", [-1, [0, -1]])
def test_a_padding_below_0_is_refused(padding: int | list[int]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        registry.get("MaxPool2d").cls.Config(kernel_size=3, padding=padding)


@pytest.mark.parametrize(("kernel", "padding"), [(2, 1), (3, 1), (4, 2)])
def test_every_padding_that_torch_takes_is_taken(
    make: Make, kernel: int, padding: int
) -> None:
    for name in ("MaxPool1d", "AvgPool1d"):
        make(name, (1, 2, 9), kernel_size=kernel, padding=padding)(
            torch.randn(1, 2, 9).double()
        )
        with pytest.raises(RuntimeError, match="at most half"):  # and no more
            getattr(torch.nn, name)(kernel, padding=kernel // 2 + 1)(
                torch.randn(1, 2, 9)
            )


@pytest.mark.parametrize("name", ["Mean", "Max"])
@pytest.mark.parametrize(
    ("dim", "message"),
    [
        (3, "'dim' is 3, but the tensor has 3 axes, 0 to 2"),
        ([1, -4], "'dim' is -4, but the tensor has 3 axes, 0 to 2"),
        (-3, "'dim' is -3, which of 3 axes is the batch: its items do not mix"),
    ],
)
def test_an_axis_that_is_not_there_or_is_the_batch(
    make: Make, name: str, dim: Any, message: str
) -> None:
    for device in ("cpu", "meta"):
        with pytest.raises(ValueError, match=f"^{message}$"):
            make(name, (2, 3, 4), dim=dim)(torch.randn(2, 3, 4, device=device))


def test_the_batch_counted_from_the_end_in_a_graph() -> None:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": "B C=4 T", "layers": [{"Mean": {"dim": -3}}]})
    assert str(caught.value) == (
        "<dict>:3:3: Mean cannot run on this tensor\n"
        "    3 | - Mean:\n"
        "      |   ^^^^\n"
        "  here   (B, 4, 64)   the input\n"
        "  torch  'dim' is -3, which of 3 axes is the batch: its items do not mix\n"
        "  sizes  tried with T=64\n"
        "  help: change its config or the sizes     [E204]"
    )
