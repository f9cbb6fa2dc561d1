"""Gabor filters against their formula, by their spectrum, and what the output is to a sine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import signal

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
SR_HZ = 16000


def gabor(make: Make, **config: Any) -> Block:
    return make("GaborConv1d", (1, 1, 9), **config)


def test_by_the_papers_formula_and_true_convolution(make: Make) -> None:
    block = gabor(make, out_channels=6, kernel_size=101)
    center, width = (value.detach().numpy()[:, None] for value in block.bank.limited())
    t = np.arange(-50, 51)
    filters = np.exp(1j * center * t - t**2 / (2 * width**2)) / (
        np.sqrt(2 * np.pi) * width
    )
    torch.testing.assert_close(block.filters().detach(), torch.from_numpy(filters))
    x = torch.randn(2, 1, 300, dtype=torch.float64)
    expected = torch.from_numpy(
        np.array(
            [[signal.convolve(item[0], h, "valid") for h in filters] for item in x]
        )
    )
    torch.testing.assert_close(torch.complex(*block(x).detach().chunk(2, 1)), expected)
    for output, of in (("magnitude", expected.abs()), ("power", expected.abs() ** 2)):
        other = gabor(make, out_channels=6, kernel_size=101, output=output)
        torch.testing.assert_close(other(x).detach(), of)


def test_pass_bands_are_where_and_as_wide_as_they_say_and_only_at_positive_frequencies(
    make: Make,
) -> None:
    block = gabor(make, out_channels=20, kernel_size=1601)
    gains = np.abs(np.fft.fft(block.filters().detach().numpy(), 1 << 16))
    hz = np.fft.fftfreq(1 << 16, 1 / SR_HZ)
    for gain, center, width in zip(
        gains, block.center_hz().tolist(), block.bandwidth_hz().tolist(), strict=True
    ):
        assert abs(hz[gain.argmax()] - center) < 1
        assert gain.max() == pytest.approx(1, abs=0.01)
        half = hz[(gain > gain.max() / 2)]
        assert half.max() - half.min() == pytest.approx(width, rel=0.02)
        if (
            center - 2 * width > 0 and center + 2 * width < SR_HZ / 2
        ):  # 2 widths off, a Gaussian is down to 2^-16
            assert gain[hz < 0].max() < 1e-4


def test_the_start_is_mel_spaced_and_as_wide_as_the_root_of_a_mel_triangle(
    make: Make,
) -> None:
    block = gabor(make, out_channels=30, kernel_size=801, fmin_hz=100.0, fmax_hz=7000.0)
    mel = np.linspace(*(2595 * np.log10(1 + np.array([100, 7000]) / 700)), 32)
    edges = 700 * (10 ** (mel / 2595) - 1)
    np.testing.assert_allclose(block.center_hz().detach(), edges[1:-1], rtol=1e-5)
    for low, peak, high, width in zip(
        edges, edges[1:], edges[2:], block.bandwidth_hz().tolist(), strict=False
    ):
        hz = np.linspace(low, high, 20_001)
        root = np.sqrt(
            np.minimum((hz - low) / (peak - low), (high - hz) / (high - peak)).clip(0)
        )
        assert np.ptp(hz[root >= 0.5]) == pytest.approx(width, rel=1e-3)


@pytest.mark.parametrize("spread", [1.0, 1e3])
def test_centres_and_widths_stay_possible_whatever_is_learned(
    make: Make, spread: float
) -> None:
    block = gabor(make)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, 0, spread)
    assert ((block.center_hz() >= 0) & (block.center_hz() <= SR_HZ / 2 + 1e-6)).all()
    ends = block.bandwidth_hz().min().item(), block.bandwidth_hz().max().item()
    assert ends[0] >= SR_HZ / 401 - 1e-6
    assert ends[1] <= SR_HZ / 4 + 1e-6


def test_the_magnitude_of_a_sine_is_steady_and_half_its_amplitude(make: Make) -> None:
    block = gabor(make, output="magnitude", padding="same")
    hz = block.center_hz()[20].item()
    x = (
        3
        * torch.sin(
            2 * torch.pi * hz / SR_HZ * torch.arange(4000, dtype=torch.float64)
        )[None, None]
    )
    y = block(x)[0, :, 500:-500].detach()
    torch.testing.assert_close(y[20], torch.full_like(y[20], 1.5), rtol=0.01, atol=0)
    assert (y.argmax(0) == 20).all()


def test_silence_has_a_magnitude_with_finite_gradients(make: Make) -> None:
    block = gabor(make, output="magnitude")
    block(torch.zeros(1, 1, 500, dtype=torch.float64)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())


@pytest.mark.parametrize(("kernel_size", "taps"), [(20, 21), (21, 21)])
def test_an_even_kernel_is_made_odd(make: Make, kernel_size: int, taps: int) -> None:
    block = gabor(make, kernel_size=kernel_size, stride=3)
    assert block.bank.kernel_size == taps
    assert block(torch.randn(1, 1, 100, dtype=torch.float64)).shape == (
        1,
        80,
        (100 - taps) // 3 + 1,
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"fmax_hz": 9000.0},
            "bands from fmin_hz 60 to fmax_hz 9000 do not lie between 0 and 8000 Hz, half of sr_hz",
        ),
        (
            {"padding": "same", "stride": 2},
            "padding 'same' needs stride 1, got 2; give the samples to add",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get("GaborConv1d").cls.Config(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]
