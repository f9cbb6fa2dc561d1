"""The pitch of a note over time: tones whose pitch is known, librosa's YIN as an independent implementation."""

from __future__ import annotations

import math

import librosa
import numpy as np
import pytest
import torch

from mirbricks.blocks.frontends.note_pitch import NotePitch, steadied

SR_HZ = 16000


def pitch_of(wave: torch.Tensor) -> torch.Tensor:
    return NotePitch(NotePitch.Config())(wave)


def tone(hz: torch.Tensor | float, samples: int = 16384) -> torch.Tensor:
    """Eight harmonics of a pitch that may change from sample to sample: (1, 1, N)."""
    f0 = torch.as_tensor(hz, dtype=torch.float64).expand(samples)
    phase = 2 * math.pi * f0.cumsum(0) / SR_HZ
    wave = sum(torch.sin(k * phase + k) / k for k in range(1, 9))
    return 0.1 * wave[None, None].float()


@pytest.mark.parametrize("hz", [58.3, 110.0, 441.7, 1318.5, 2349.3])
def test_note_pitch_of_a_tone(hz):
    found = pitch_of(tone(hz))

    assert found.shape == (1, 1, 32)
    expected = torch.full_like(found, math.log2(hz / 440))
    # Within 2 cents; 10 at the ends, where frames hold silence too.
    torch.testing.assert_close(found, expected, atol=10 / 1200, rtol=0)
    inner = (..., slice(2, -2))
    torch.testing.assert_close(found[inner], expected[inner], atol=2 / 1200, rtol=0)


def test_note_pitch_is_librosas_yin():
    vibrato = 300 * 2 ** (torch.sin(torch.arange(16384) / SR_HZ * 2 * math.pi * 5) / 40)
    wave = tone(vibrato)

    found = 440 * 2 ** pitch_of(wave)[0, 0].double().numpy()

    theirs = librosa.yin(
        wave[0, 0].double().numpy(),
        fmin=60,
        fmax=2000,
        sr=SR_HZ,
        frame_length=1024,
        hop_length=512,
    )
    # Their frames lie elsewhere by less than a hop, so the range is compared, not frame by frame.
    inner = slice(3, -3)
    assert np.ptp(found[inner]) == pytest.approx(np.ptp(theirs[inner]), rel=0.15)
    assert np.median(found) == pytest.approx(np.median(theirs), rel=0.01)


def test_silence_and_wrong_frames_have_the_pitch_of_the_note():
    wave = tone(220.0, 8192)
    noise = 0.003 * torch.randn(1, 1, 4096, generator=torch.Generator().manual_seed(0))

    found = pitch_of(torch.cat((torch.zeros(1, 1, 4096), wave, noise), dim=2))

    torch.testing.assert_close(found, torch.full_like(found, -1.0), atol=0.02, rtol=0)


def test_without_a_sound_the_pitch_is_0():
    assert not bool(pitch_of(torch.zeros(2, 1, 5120)).any())


def test_the_note_is_the_median_weighted_by_energy():
    octaves = torch.tensor([[0.0, 0.01, 1.0, 1.0, 1.0]])
    energy = torch.tensor([[4.0, 4.0, 0.01, 0.01, 0.01]])

    found = steadied(octaves, energy)

    assert found.tolist() == [pytest.approx([0.0, 0.01, 0.01, 0.01, 0.01])]
