"""SincNet against the paper's formulas and by the spectrum of its filters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import signal

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
SR_HZ = 16000


def sincnet(**config: object) -> Block:
    spec = registry.get("SincNet")
    return registry.build(spec, spec.cls.Config(**{"out_channels": 20, **config})).double()


def test_by_the_papers_formula() -> None:
    block = sincnet(out_channels=5, kernel_size=101)
    low, high = (edge.detach().numpy()[:, None] / SR_HZ for edge in block.band_edges_hz())
    n = np.arange(-50, 51)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(101) / 100)
    filters = (2 * high * np.sinc(2 * high * n) - 2 * low * np.sinc(2 * low * n)) * window
    torch.testing.assert_close(block.filters().detach(), torch.from_numpy(filters), atol=1e-6, rtol=1e-5)
    x = torch.randn(2, 1, 300, dtype=torch.float64)
    # float32 constants, and cross-correlation: the filters are symmetric
    expected = [[signal.convolve(item[0], row, "valid") for row in filters] for item in x.numpy()]
    torch.testing.assert_close(block(x).detach(), torch.from_numpy(np.array(expected)), atol=1e-5, rtol=1e-4)


def test_unit_gain_between_the_cutoffs_and_none_outside() -> None:
    block = sincnet(kernel_size=1025)
    gains = np.abs(np.fft.rfft(block.filters().detach().numpy(), 16384))
    hz = np.fft.rfftfreq(16384, 1 / SR_HZ)
    transition_hz = 3.3 / 1025 * SR_HZ  # of a Hamming window, from edge to edge
    for gain, low, high in zip(gains, *(edge.tolist() for edge in block.band_edges_hz()), strict=True):
        inside = (hz > low + transition_hz / 2) & (hz < high - transition_hz / 2)
        outside = (hz < low - transition_hz / 2) | (hz > high + transition_hz / 2)
        assert inside.any()
        assert np.abs(gain[inside] - 1).max() < 0.01
        assert gain[outside].max(initial=0) < 0.01
        if high < SR_HZ / 2 - 1:
            assert np.abs(np.interp([low, high], hz, gain) - 0.5).max() < 0.02


@pytest.mark.parametrize(("kernel_size", "taps"), [(251, 251), (250, 251), (30, 31)])
def test_an_even_kernel_is_made_odd_and_the_size_is_torchs(kernel_size: int, taps: int) -> None:
    block = sincnet(kernel_size=kernel_size, stride=3)
    assert block.filters().shape == (20, taps)
    assert block(torch.randn(1, 1, 600, dtype=torch.float64)).shape == (1, 20, (600 - taps) // 3 + 1)


def test_bands_start_mel_spaced_and_side_by_side() -> None:
    low, high = sincnet().band_edges_hz()
    torch.testing.assert_close(high - 50, low.roll(-1).where(torch.arange(20) < 19, high - 50), rtol=1e-4, atol=1e-2)
    mel = 2595 * torch.log10(1 + (low - 50) / 700)
    torch.testing.assert_close(mel.diff(), mel.diff().mean().expand(19), rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(high[-1].item(), SR_HZ / 2.0, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6])
def test_edges_stay_ordered_whatever_is_learned(spread: float) -> None:
    block = sincnet()
    torch.nn.init.normal_(block.low_hz, 0, spread)
    torch.nn.init.normal_(block.band_hz, 0, spread)
    low, high = block.band_edges_hz()
    assert (low >= 50 - 1e-6).all()
    assert (high <= SR_HZ / 2).all()
    assert (high - low >= 50 - 1e-2).all()


def test_constants_follow_the_precision_and_the_state() -> None:
    block = sincnet()
    assert {name for name, _ in block.named_buffers()} == {"times_s", "window"}
    assert block.filters().dtype == torch.float64
    assert block.bfloat16().filters().dtype == torch.bfloat16
