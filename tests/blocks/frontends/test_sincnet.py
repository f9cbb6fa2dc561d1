"""SincNet against the paper's formulas and by the spectrum of its filters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import signal

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
SR_HZ = 16000


def sincnet(**config: object) -> Block:
    spec = registry.get("SincNet")
    return registry.build(
        spec, spec.cls.Config(**{"out_channels": 20, **config})
    ).double()


def test_by_the_papers_formula() -> None:
    block = sincnet(out_channels=5, kernel_size=101)
    low, high = (
        edge.detach().numpy()[:, None] / SR_HZ for edge in block.band_edges_hz()
    )
    n = np.arange(-50, 51)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(101) / 100)
    filters = (
        2 * high * np.sinc(2 * high * n) - 2 * low * np.sinc(2 * low * n)
    ) * window
    torch.testing.assert_close(block.filters().detach(), torch.from_numpy(filters))
    x = torch.randn(2, 1, 300, dtype=torch.float64)
    # cross-correlation is convolution here: the filters are symmetric
    expected = [
        [signal.convolve(item[0], row, "valid") for row in filters]
        for item in x.numpy()
    ]
    torch.testing.assert_close(block(x).detach(), torch.from_numpy(np.array(expected)))


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("sr_hz", [16000, 44100])
def test_unit_gain_between_the_cutoffs_and_none_outside(
    sr_hz: int, learned: bool
) -> None:
    block = sincnet(kernel_size=1025, sr_hz=sr_hz)
    if learned:  # bands wide enough to have an inside
        torch.nn.init.uniform_(block.low_hz, -sr_hz / 3, sr_hz / 3)
        torch.nn.init.uniform_(block.band_hz, 200, sr_hz / 4)
    gains = np.abs(np.fft.rfft(block.filters().detach().numpy(), 16384))
    hz = np.fft.rfftfreq(16384, 1 / sr_hz)
    transition_hz, with_inside = (
        3.3 / 1025 * sr_hz,
        0,
    )  # of a Hamming window, from edge to edge
    for gain, low, high in zip(
        gains, *(edge.tolist() for edge in block.band_edges_hz()), strict=True
    ):
        inside = (hz > low + transition_hz / 2) & (hz < high - transition_hz / 2)
        outside = (hz < low - transition_hz / 2) | (hz > high + transition_hz / 2)
        with_inside += inside.any()
        assert np.abs(gain[inside] - 1).max(initial=0) < 0.01
        assert gain[outside].max(initial=0) < 0.01
        if high < sr_hz / 2 - 1 and inside.any():
            assert np.abs(np.interp([low, high], hz, gain) - 0.5).max() < 0.02
    assert (
        with_inside >= 15
    )  # of 20; at 44.1 kHz the lowest bands are narrower than the transition


def test_the_papers_gain_is_1_at_the_middle_tap() -> None:
    """As the authors' code: a band-pass over twice its width in cycles per sample, so that its middle tap is 1."""
    one = sincnet(out_channels=7, kernel_size=101)
    paper = sincnet(out_channels=7, kernel_size=101, gain="paper")
    low, high = one.band_edges_hz()
    width = 2 * (high - low)[:, None] / one.sr_hz
    torch.testing.assert_close(paper.filters(), one.filters() / width)
    assert (paper.filters()[:, 50] == 1).all()
    x = torch.randn(2, 1, 300, dtype=one.low_hz.dtype)
    torch.testing.assert_close(paper(x), one(x) / width)


def test_a_tone_passes_the_bands_that_hold_it_and_no_other() -> None:
    """Through forward: the level of each output over that of the tone."""
    block = sincnet(kernel_size=1025, padding="same")
    low, high = (edge.detach() for edge in block.band_edges_hz())
    t = torch.arange(6000, dtype=torch.float64) / SR_HZ
    for hz in (200.0, 1000.0, 3500.0, 7000.0):
        tone = torch.sin(2 * torch.pi * hz * t)[None, None]
        level = block(tone).detach()[0, :, 1025:-1025].square().mean(1).mul(2).sqrt()
        inside = (low < hz - 26) & (high > hz + 26)
        outside = (low > hz + 26) | (high < hz - 26)
        assert outside.sum() >= 17
        torch.testing.assert_close(
            level[inside], torch.ones_like(level[inside]), rtol=0, atol=0.02
        )
        assert level[outside].max() < 0.02
        assert (
            level[~outside].max() > 0.4
        )  # bands stand side by side: one holds the tone


@pytest.mark.parametrize(("kernel_size", "taps"), [(251, 251), (250, 251), (30, 31)])
def test_an_even_kernel_is_made_odd_and_the_size_is_torchs(
    kernel_size: int, taps: int
) -> None:
    block = sincnet(kernel_size=kernel_size, stride=3)
    assert block.filters().shape == (20, taps)
    assert block.kernel_size == taps
    assert block(torch.randn(1, 1, 600, dtype=torch.float64)).shape == (
        1,
        20,
        (600 - taps) // 3 + 1,
    )


@pytest.mark.parametrize("kernel_size", [30, 31])
def test_padding_same_keeps_the_samples_and_their_times(kernel_size: int) -> None:
    block = sincnet(kernel_size=kernel_size, padding="same")
    click = torch.zeros(1, 1, 100, dtype=torch.float64)
    click[..., 40] = 1
    y = block(click).detach()
    torch.testing.assert_close(y[0, :, 25:56], block.filters().detach())
    assert y.shape == (1, 20, 100)


def test_bands_start_mel_spaced_and_side_by_side() -> None:
    low, high = sincnet().band_edges_hz()
    torch.testing.assert_close(
        high - 50,
        low.roll(-1).where(torch.arange(20) < 19, high - 50),
        rtol=1e-4,
        atol=1e-2,
    )
    mel = 2595 * torch.log10(1 + (low - 50) / 700)
    torch.testing.assert_close(
        mel.diff(), mel.diff().mean().expand(19), rtol=1e-3, atol=1e-2
    )
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


def test_constants_follow_the_module_and_are_not_rounded() -> None:
    block = sincnet(kernel_size=1025)
    assert {name for name, _ in block.named_buffers()} == {"taps"}
    assert set(block.state_dict()) == {"low_hz", "band_hz"}
    assert block.filters().dtype == torch.float64
    low, high = block.band_edges_hz()
    block.bfloat16()
    assert block.filters().dtype == torch.bfloat16
    with torch.no_grad():
        again = sincnet(kernel_size=1025)
        again.low_hz.copy_(block.low_hz)
        again.band_hz.copy_(block.band_hz)
    torch.testing.assert_close(
        block.filters(), again.filters().bfloat16()
    )  # only the weights are rounded, to 8 bits
    torch.testing.assert_close(again.band_edges_hz()[1], high, rtol=2**-7, atol=1)
    assert (low < high).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"sr_hz": 200},
            "a band of min_band_hz 50 above min_low_hz 50 does not fit below 100 Hz, half of sr_hz; "
            "use smaller ones or a higher sr_hz",
        ),
        (
            {"padding": "same", "stride": 2},
            "padding 'same' needs stride 1, got 2; give the samples to add",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(
    config: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        sincnet(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


@pytest.mark.parametrize("padding", [-1, "valid"])
def test_other_paddings_are_refused(padding: object) -> None:
    with pytest.raises(ValidationError, match="padding"):
        sincnet(padding=padding)
