"""The modified cosine transform against its formula, and exact both ways; levels compressed and expanded."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("num_bands", [2, 6, 64])
@pytest.mark.parametrize("n_frames", [1, 2, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_sample_comes_back(
    make: Make, num_bands: int, n_frames: int, channels: int
) -> None:
    x = torch.randn(2, channels, n_frames * num_bands, dtype=torch.float64)
    forward = make("MDCT", tuple(x.shape), num_bands=num_bands).double()
    spectra = forward(x)
    backward = make("InverseMDCT", tuple(spectra.shape), num_bands=num_bands).double()
    assert spectra.shape == (2, channels * num_bands, n_frames)
    # Twice the rounding of the constants, which are kept in single precision.
    torch.testing.assert_close(backward(spectra), x, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        spectra.square().sum((1, 2)), x.square().sum((1, 2)), rtol=1e-5, atol=0
    )


def test_inside_it_is_the_published_transform(make: Make) -> None:
    m = 8
    x = torch.randn(1, 1, 5 * m, dtype=torch.float64)
    got = make("MDCT", tuple(x.shape), num_bands=m).double()(x)

    # Princen, Johnson & Bradley: Σ w(n) x(n) cos(π/M (n + 1/2 + M/2)(k + 1/2)) over 2 M samples.
    n = torch.arange(2 * m, dtype=torch.float64)
    k = torch.arange(m, dtype=torch.float64)[:, None]
    window = torch.sin(math.pi / (2 * m) * (n + 0.5))
    kernel = window * torch.cos(math.pi / m * (n + 0.5 + m / 2) * (k + 0.5))
    kernel = kernel * math.sqrt(2 / m)
    for frame in (1, 2, 3):
        start = frame * m - m // 2
        expected = kernel @ x[0, 0, start : start + 2 * m]
        torch.testing.assert_close(got[0, :, frame], expected, rtol=0, atol=1e-5)


def test_a_rest_is_filled_up_with_zeros(make: Make) -> None:
    x = torch.randn(1, 1, 21)
    block = make("MDCT", (1, 1, 21), num_bands=8)
    padded = torch.nn.functional.pad(x, (0, 3))
    torch.testing.assert_close(block(x), block(padded))


def test_channels_that_are_no_whole_bands_are_refused(make: Make) -> None:
    with pytest.raises(Exception, match="not a multiple of num_bands 8"):
        make("InverseMDCT", (1, 12, 5), num_bands=8)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_levels_come_back(make: Make, exponent: float) -> None:
    x = torch.randn(3, 5, 7) * torch.tensor([1.0, 0.1, 10.0])[:, None, None]
    small = make("CompressLevel", (3, 5, 7), exponent=exponent)(x)
    level = x.square().mean(1).sqrt()
    torch.testing.assert_close(
        small.square().mean(1).sqrt(), level**exponent, rtol=1e-4, atol=0
    )
    back = make("ExpandLevel", (3, 5, 7), exponent=exponent)(small)
    torch.testing.assert_close(back, x, rtol=1e-3, atol=1e-6)


def test_silence_stays_silent_and_has_gradients(make: Make) -> None:
    x = torch.zeros(1, 4, 3, requires_grad=True)
    small = make("CompressLevel", (1, 4, 3))(x)
    back = make("ExpandLevel", (1, 4, 3))(small)
    back.sum().backward()
    assert not back.any()
    assert x.grad is not None
    assert x.grad.isfinite().all()
