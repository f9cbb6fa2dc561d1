"""A waveform from magnitudes: peaks by naive loops, tones and real signals by their spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mirbricks.blocks.frontends.inversion import SpectrogramInversion, peaks
from mirbricks.blocks.frontends.spectrogram import STFT

SR_HZ = 16000


def block(**fields) -> SpectrogramInversion:
    config = SpectrogramInversion.Config(n_fft=1024, hop_length=256, **fields)
    return SpectrogramInversion(config).eval()


def magnitudes_of(wave: torch.Tensor) -> torch.Tensor:
    config = STFT.Config(n_fft=1024, hop_length=256, output="magnitude", in_channels=1)
    return STFT(config)(wave)


def tone(hz: float, seconds: float = 1.024) -> torch.Tensor:
    """Ten harmonics, the upper ones quieter."""
    t = torch.arange(round(seconds * SR_HZ)) / SR_HZ
    wave = sum(torch.sin(2 * math.pi * k * hz * t + k) / k for k in range(1, 11))
    return 0.2 * wave[None, None]


def inconsistency_db(block: SpectrogramInversion, wanted: torch.Tensor) -> float:
    """How far the magnitudes of the waveform are from those that were asked for."""
    error = magnitudes_of(block(wanted)) - wanted
    return float(10 * torch.log10(error.square().sum() / wanted.square().sum()))


def test_the_peaks_of_spectrogram_inversion_by_naive_loops():
    magnitudes = torch.rand(2, 12, 3, dtype=torch.float64) + 0.1

    frequencies, nearest = peaks(magnitudes)

    for item, frame in np.ndindex(2, 3):
        levels = np.log(magnitudes[item, :, frame].numpy())
        tops = {}
        for k in range(1, 11):
            below, here, above = levels[k - 1 : k + 2]
            if here > below and here >= above:
                # The vertex of the parabola through three points.
                a, b, _ = np.polyfit([k - 1, k, k + 1], [below, here, above], 2)
                tops[k] = min(max(-b / (2 * a), k - 0.5), k + 0.5)
        for k in range(12):
            closest = min(tops, key=lambda top: (abs(top - k), top), default=k)
            assert nearest[item, k, frame] == closest
        for k, expected in tops.items():
            assert float(frequencies[item, k, frame]) == pytest.approx(expected)


@pytest.mark.parametrize("hz", [110.0, 233.7, 441.3])
def test_spectrogram_inversion_gives_a_tone_back(hz):
    wanted = magnitudes_of(tone(hz))

    # -20 dB: a hundredth of the energy, and less after Griffin-Lim's iterations.
    assert inconsistency_db(block(), wanted) < -20
    assert inconsistency_db(block(n_iter=16), wanted) < -28


def test_partials_go_on_without_a_break():
    """Where the phases of frames did not fit together, the tone would beat: its energy stays what it was."""
    wave = block()(magnitudes_of(tone(220.0)))[0, 0]

    frames = wave.unfold(0, 512, 256)[6:-6].square().mean(1)

    assert float(frames.std() / frames.mean()) < 0.1


def test_training_makes_no_iterations_and_gradients_reach_the_magnitudes():
    refined = block(n_iter=4)
    wanted = magnitudes_of(tone(300.0)).requires_grad_()

    plain = block()(wanted)
    torch.testing.assert_close(refined.train()(wanted), plain)
    plain.square().sum().backward()

    assert wanted.grad is not None
    assert bool(wanted.grad.isfinite().all())
    assert float(wanted.grad.abs().sum()) > 0


def test_silence_stays_silent():
    wave = block(n_iter=3)(torch.zeros(1, 1, 513, 9))

    assert wave.shape == (1, 1, 8 * 256)
    assert not bool(wave.any())
