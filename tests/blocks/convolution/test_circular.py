"""The circular convolution by its definition, and what it is for: it moves with its input."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch

from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize(
    ("kernel", "dilation"), [((12, 1), 1), ((5, 3), 2), ((4, 2), 1), ((1, 5), 4)]
)
def test_by_its_definition(make: Make, kernel: tuple[int, int], dilation: int) -> None:
    block = make(
        "CircularConv2d",
        (2, 3, 12, 9),
        out_channels=2,
        kernel_size=list(kernel),
        dilation=dilation,
    )
    x = torch.randn(2, 3, 12, 9, dtype=torch.float64)
    weight, bias = block.conv.weight, block.conv.bias
    y = bias[None, :, None, None].expand(2, 2, 12, 9).clone()
    below, before = (kernel[0] - 1) // 2, (kernel[1] - 1) * dilation // 2
    for f, t, p, q in itertools.product(
        range(12), range(9), range(kernel[0]), range(kernel[1])
    ):
        frame = t - before + q * dilation
        if 0 <= frame < 9:
            y[:, :, f, t] += x[:, :, (f - below + p) % 12, frame] @ weight[:, :, p, q].T
    torch.testing.assert_close(block(x), y)


def test_a_rotated_input_gives_the_rotated_output(make: Make) -> None:
    block = make("CircularConv2d", (1, 2, 12, 6), out_channels=3, kernel_size=[12, 3])
    x = torch.randn(1, 2, 12, 6, dtype=torch.float64)
    for semitones in range(12):
        torch.testing.assert_close(
            block(x.roll(semitones, 2)), block(x).roll(semitones, 2)
        )


def test_a_kernel_goes_around_once_at_most(make: Make) -> None:
    block = make("CircularConv2d", (1, 2, 12, 6), out_channels=3, kernel_size=[13, 3])
    with pytest.raises(
        ValueError, match="'kernel_size' spans 13 bins, more than the circle of 12 has"
    ):
        block(torch.zeros(1, 2, 12, 6, dtype=torch.float64))
