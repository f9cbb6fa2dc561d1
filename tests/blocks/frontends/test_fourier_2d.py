"""The two-dimensional Fourier magnitude against a sum of exponentials, and what it does not hear."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mirbricks.registry import Block

Make = Callable[..., Block]


def test_by_its_sum(make: Make) -> None:
    x = torch.randn(2, 1, 4, 5, dtype=torch.float64)
    wanted = torch.zeros_like(x)
    f, t = (
        torch.arange(4.0, dtype=torch.float64)[:, None],
        torch.arange(5.0, dtype=torch.float64)[None],
    )
    for k in range(4):
        for m in range(5):
            angle = -2 * torch.pi * (k * f / 4 + m * t / 5)
            wanted[..., k, m] = (
                (x * torch.polar(torch.ones_like(angle), angle)).sum((-2, -1)).abs()
            )
    torch.testing.assert_close(make("FourierMagnitude2d", (2, 1, 4, 5))(x), wanted)


def test_a_rotation_and_a_shift_change_nothing(make: Make) -> None:
    block, x = (
        make("FourierMagnitude2d", (2, 1, 12, 9)),
        torch.randn(2, 1, 12, 9, dtype=torch.float64),
    )
    torch.testing.assert_close(block(x.roll((5, 4), (2, 3))), block(x))
    assert not torch.allclose(block(x.flip(2) * x), block(x))
