"""Harmonics and noise as magnitudes: by the transform of a real tone, and by naive loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mirbricks.blocks.frontends.harmonic_spectrum import HarmonicSpectrum, lobe
from mirbricks.blocks.frontends.spectrogram import STFT

SR_HZ = 16000


def block(num_harmonics: int, bands: int, n_fft: int = 1024) -> HarmonicSpectrum:
    config = HarmonicSpectrum.Config(
        in_channels=num_harmonics + bands,
        pitch_channels=1,
        num_harmonics=num_harmonics,
        n_fft=n_fft,
        sr_hz=SR_HZ,
    )
    return HarmonicSpectrum(config)


def test_harmonic_spectrum_is_the_transform_of_the_tone():
    hz, levels = 500.3, torch.tensor([0.0, -0.5, -2.0])
    t = torch.arange(8192) / SR_HZ
    wave = sum(
        level.exp() * torch.sin(2 * math.pi * (k + 1) * hz * t + k)
        for k, level in enumerate(levels)
    )
    # A tone of amplitude a has the magnitude a n_fft / 4 at its peak.
    stft = STFT(
        STFT.Config(n_fft=1024, hop_length=256, output="magnitude", in_channels=1)
    )
    expected = stft(wave[None, None])[0, 0, :, 16] / 256

    x = torch.cat((levels, torch.full((2,), -20.0)))[None, :, None]
    found = block(3, 2)(x, torch.full((1, 1, 1), math.log2(hz / 440)))[0, 0, :, 0]

    torch.testing.assert_close(found, expected, atol=6e-3, rtol=0)


def test_harmonic_spectrum_by_naive_loops():
    torch.manual_seed(0)
    levels = torch.randn(2, 9, 3)
    pitch = torch.tensor([[[-1.0, 0.0, 1.0]], [[3.2, 3.2, 3.2]]])

    found = block(5, 4, n_fft=128)(levels, pitch)

    centres = np.array([(2595 * np.log10(1 + hz / 700)) for hz in (30, 8000)])
    centres = 700 * (10 ** (np.linspace(*centres, 4) / 2595) - 1)
    for item, frame, bin in np.ndindex(2, 3, 65):
        hz = bin * SR_HZ / 128
        f0 = 440 * 2 ** float(pitch[item, 0, frame])
        k = min(max(round(hz / f0), 1), 5)
        expected = np.exp(
            np.interp(hz, centres, levels[item, 5:, frame].double().numpy())
        )
        distance = abs(hz - k * f0) / (SR_HZ / 128)
        if k * f0 < SR_HZ / 2 and distance < 2:
            window = np.sinc(distance) / (1 - distance**2)
            expected += float(levels[item, k - 1, frame].exp()) * window
        assert float(found[item, 0, bin, frame]) == pytest.approx(expected, rel=1e-3)


def test_the_lobe_is_that_of_a_hann_window():
    assert lobe(torch.tensor([0.0, 1.0, -1.0, 2.0, 5.0])).tolist() == pytest.approx(
        [1.0, 0.5, 0.5, 0.0, 0.0], abs=1e-6
    )
    # It has no step where both parts of the ratio go to 0.
    near = lobe(torch.linspace(0.99, 1.01, 201, dtype=torch.float64))
    assert float(near.diff().abs().max()) < 1e-3


def test_the_pitch_is_interpolated_between_its_frames():
    pitch = torch.tensor([[[0.0, 1.0]]])
    x = torch.full((1, 4, 4), -20.0)
    x[:, 0] = 0.0

    found = block(2, 2)(x, pitch)[0, 0]

    # Centres of four frames lie at -1/4, 1/4, 3/4 and 5/4 of two; the ends are held.
    expected = 440 * 2 ** np.array([0.0, 0.25, 0.75, 1.0]) / (SR_HZ / 1024)
    assert found.argmax(0).tolist() == expected.round().astype(int).tolist()


def test_gradients_reach_the_pitch():
    pitch = torch.tensor([[[0.03]]], requires_grad=True)
    x = torch.full((1, 4, 1), -1.0)

    block(2, 2)(x, pitch)[0, 0, 30].sum().backward()

    assert pitch.grad is not None
    assert float(pitch.grad.abs().sum()) > 0
