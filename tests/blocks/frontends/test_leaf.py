"""LEAF is its three parts; the pooling against sums over samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize(
    ("kernel_size", "taps", "stride"), [(11, 11, 4), (10, 11, 1), (21, 21, 10)]
)
def test_the_pooling_by_its_formula(
    make: Make, kernel_size: int, taps: int, stride: int
) -> None:
    x = torch.randn(2, 3, 50, dtype=torch.float64)
    block = make("GaussianPool1d", x.shape, kernel_size=kernel_size, stride=stride)
    with torch.no_grad():
        block.width.copy_(torch.tensor([[0.3], [0.01], [7.0]]))
    half = taps // 2
    for channel, width in enumerate(
        (0.3, 2 / taps, 0.5)
    ):  # what is learned is kept between these two
        sigma = width * half
        for t in range(-(-50 // stride)):
            expected = torch.zeros(2, dtype=torch.float64)
            for n in range(max(0, t * stride - half), min(50, t * stride + half + 1)):
                weight = torch.exp(
                    torch.tensor(
                        -((n - t * stride) ** 2) / (2 * sigma**2), dtype=torch.float64
                    )
                )
                expected += x[:, channel, n] * weight / ((2 * torch.pi) ** 0.5 * sigma)
            found = block(x)[:, channel, t].detach()
            torch.testing.assert_close(
                found, expected, rtol=1e-6, atol=1e-7
            )  # widths are float32
    assert block(x).shape[2] == -(-50 // stride)


def test_leaf_is_gabor_power_gaussian_pooling_and_pcen(make: Make) -> None:
    x = torch.randn(2, 1, 700, dtype=torch.float64)
    block = make("LEAF", x.shape, out_channels=8, kernel_size=101, stride=50)
    gabor = make(
        "GaborConv1d",
        x.shape,
        out_channels=8,
        kernel_size=101,
        padding="same",
        output="power",
    )
    pool = make("GaussianPool1d", (2, 8, 700), kernel_size=101, stride=50)
    pcen = make("PCEN", (2, 8, 14), alpha=0.96, smoothing=0.04, eps=1e-12)
    for part in (block.pool, block.pcen):
        for parameter in part.parameters():
            torch.nn.init.uniform_(parameter, 0.2, 0.6)
    pool.load_state_dict(block.pool.state_dict())
    pcen.load_state_dict(block.pcen.state_dict())
    y = block(x)
    assert y.shape == (2, 8, 14)
    torch.testing.assert_close(y, pcen(pool(gabor(x))))


@pytest.mark.parametrize("floor", [1e-5, 1e-3])
def test_the_floor_is_that_of_windows_of_peak_1(make: Make, floor: float) -> None:
    """Both originals pool with windows of peak 1 and clamp at 1e-5: theirs over the windows' areas is ours."""
    x = torch.randn(2, 1, 900, dtype=torch.float64)
    x[..., 300:600] = 0
    block = make(
        "LEAF", x.shape, out_channels=3, kernel_size=101, stride=50, floor=floor
    )
    gabor = make(
        "GaborConv1d",
        x.shape,
        out_channels=3,
        kernel_size=101,
        padding="same",
        output="power",
    )
    with torch.no_grad():
        block.pool.width.copy_(torch.tensor([[0.1], [0.3], [0.45]]))
    sigma = torch.tensor([0.1, 0.3, 0.45], dtype=torch.float64)[:, None] * 50
    taps = torch.arange(-50, 51, dtype=torch.float64)
    peak_1 = torch.exp(-(taps**2) / (2 * sigma**2))
    pooled = torch.nn.functional.conv1d(
        gabor(x), peak_1[:, None], stride=50, padding=50, groups=3
    )
    at_floor = (pooled < floor).double().mean()
    assert 0 < at_floor < 1
    area = (2 * torch.pi) ** 0.5 * sigma
    expected = block.pcen(pooled.clamp_min(floor) / area)
    torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-7)


def test_soft_noise_teaches_every_filter(make: Make) -> None:
    x = torch.randn(1, 1, 16000)
    for level_db in (-20, -30):
        block = make("LEAF", x.shape).float()
        block(x * 10 ** (level_db / 20)).square().sum().backward()
        assert (block.bank.center.grad != 0).all()


def test_silence_teaches_the_windows_no_width(make: Make) -> None:
    block = make("LEAF", (1, 1, 9)).float()
    block(torch.zeros(1, 1, 3000)).sum().backward()
    assert (block.pool.width.grad == 0).all()


def test_seven_numbers_a_filter_and_448_for_the_papers_64(make: Make) -> None:
    block = make("LEAF", (1, 1, 9), out_channels=64)
    assert sum(parameter.numel() for parameter in block.parameters()) == 448


def test_a_second_at_16_khz_is_a_hundred_frames_and_the_default_bands_peak_at_their_tones(
    make: Make,
) -> None:
    block = make("LEAF", (1, 1, 9))
    hz = make("GaborConv1d", (1, 1, 9)).center_hz()[[5, 20, 35]]
    t = torch.arange(16000, dtype=torch.float64) / 16000
    tones = torch.sin(2 * torch.pi * hz[:, None] * t)[:, None]
    energy = block.pool(
        make("GaborConv1d", (1, 1, 9), padding="same", output="power")(tones)
    )
    assert energy[:, :, 10:-10].mean(2).argmax(1).tolist() == [5, 20, 35]
    assert block(tones).shape == (3, 40, 100)


def test_silence_has_finite_values_and_gradients(make: Make) -> None:
    block = make("LEAF", (1, 1, 9)).float()
    y = block(torch.zeros(1, 1, 3000))
    y.sum().backward()
    assert y.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())
