"""Levels of harmonics and bands: by naive loops, and by the spectrum that they were made into."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mirbricks.blocks.frontends.harmonic_levels import HarmonicLevels
from mirbricks.blocks.frontends.harmonic_spectrum import HarmonicSpectrum

SR_HZ = 16000


def block(num_harmonics: int, num_bands: int, n_fft: int = 1024) -> HarmonicLevels:
    config = HarmonicLevels.Config(
        n_bins=n_fft // 2 + 1,
        pitch_channels=1,
        num_harmonics=num_harmonics,
        num_bands=num_bands,
        n_fft=n_fft,
        sr_hz=SR_HZ,
    )
    return HarmonicLevels(config)


def test_harmonic_levels_by_naive_loops():
    torch.manual_seed(0)
    magnitudes = torch.rand(2, 1, 65, 3)
    pitch = torch.tensor([[[-1.0, 0.0, 1.0]], [[3.2, 3.2, 3.2]]])

    found = block(5, 4, n_fft=128)(magnitudes, pitch)

    centres = 2595 * np.log10(1 + np.array([30, 8000]) / 700)
    centres = 700 * (10 ** (np.linspace(*centres, 4) / 2595) - 1)
    bins_hz = np.arange(65) * SR_HZ / 128
    for item, frame in np.ndindex(2, 3):
        levels = np.log(magnitudes[item, 0, :, frame].double().numpy() + 0.01)
        for k in range(5):
            place = (k + 1) * 440 * 2 ** float(pitch[item, 0, frame]) / (SR_HZ / 128)
            expected = math.log(0.01)
            if place <= 64:
                near = [min(max(round(place) + step, 0), 64) for step in (-1, 0, 1)]
                expected = max(levels[bin] for bin in near)
            assert float(found[item, k, frame]) == pytest.approx(expected, abs=1e-4)
        for band in range(4):
            # Triangles that go over from one centre to the next; the ends are held.
            weights = np.interp(bins_hz, centres, np.eye(4)[band])
            expected = (weights * levels).sum() / weights.sum()
            assert float(found[item, 5 + band, frame]) == pytest.approx(
                expected, abs=1e-4
            )


@pytest.mark.parametrize("octaves", [-1.3, 0.0, 0.71])
def test_harmonic_levels_are_those_of_the_harmonic_spectrum(octaves):
    levels = torch.tensor([2.0, 0.5, 1.0, -1.0])[None, :, None]
    noise = torch.full((1, 2, 1), -20.0)
    pitch = torch.full((1, 1, 1), octaves)
    config = HarmonicSpectrum.Config(
        in_channels=6, pitch_channels=1, num_harmonics=4, n_fft=1024, sr_hz=SR_HZ
    )

    spectrum = HarmonicSpectrum(config)(torch.cat((levels, noise), dim=1), pitch)
    found = block(4, 3)(spectrum, pitch)[:, :4]

    # A partial between two bins is seen up to 1.4 dB lower: .17 nepers.
    assert float((found - levels).abs().max()) < 0.18


def test_silence_and_what_lies_above_half_the_rate_have_the_level_of_the_floor():
    found = block(3, 2)(torch.zeros(1, 1, 513, 2), torch.full((1, 1, 1), 4.0))

    torch.testing.assert_close(found, torch.full_like(found, math.log(0.01)))
