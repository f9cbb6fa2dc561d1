"""The augmentation against its definition."""

from __future__ import annotations

import numpy as np
import torch

from mylab_blocks.mains_hum import MainsHum

SR_HZ = 8000


def hummed(x: torch.Tensor, **settings: object) -> torch.Tensor:
    return MainsHum(MainsHum.Config(**settings), SR_HZ)(x, np.random.default_rng(0))


def test_tones_and_level() -> None:
    x = torch.zeros(2, 1, SR_HZ)
    x[:, :, 0] = 0.5
    hum = hummed(x, min_db=-20.0, max_db=-20.0, mains_hz=60.0) - x
    level = torch.fft.rfft(hum[:, 0]).abs() * 2 / SR_HZ  # of a second: bin k is k Hz
    expected = torch.zeros(level.shape)
    for harmonic in range(1, 5):
        expected[:, 60 * harmonic] = 0.05 * 0.5 ** (harmonic - 1)  # 20 dB below 0.5
    torch.testing.assert_close(level, expected, atol=1e-4, rtol=0)


def test_silence_stays_and_equal_numbers_give_equal_hum() -> None:
    assert not hummed(torch.zeros(1, 1, 100)).any()
    x = torch.randn(3, 2, 500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(hummed(x), hummed(x))
    assert hummed(x).shape == x.shape


def test_examples_are_drawn_each_for_itself() -> None:
    x = torch.ones(2, 1, 500)
    first, second = hummed(x)
    assert not torch.equal(first, second)
