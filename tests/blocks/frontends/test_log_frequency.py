"""Fourier bins on an axis of bins per octave, and back: by numpy's interpolation, and by tones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mirbricks.blocks.frontends.log_frequency import LinearFrequency, LogFrequency

N_FFT = 512
SR_HZ = 8000
HZ = np.arange(N_FFT // 2 + 1) * SR_HZ / N_FFT


def forward(n_bins: int = 60, fmin_hz: float = 110.0, n_linear: int = 257):
    config = LogFrequency.Config(
        n_fft=N_FFT,
        sr_hz=SR_HZ,
        fmin_hz=fmin_hz,
        n_bins=n_bins,
        bins_per_octave=12,
        n_linear=n_linear,
    )
    return LogFrequency(config)


def back(n_bins: int = 60, n_linear: int | None = None):
    config = LinearFrequency.Config(
        n_fft=N_FFT,
        sr_hz=SR_HZ,
        fmin_hz=110.0,
        n_bins=n_bins,
        bins_per_octave=12,
        n_linear=n_linear,
    )
    return LinearFrequency(config)


def test_log_frequency_is_what_naive_triangles_give():
    torch.manual_seed(0)
    x = torch.rand(2, 1, 257, 3)
    found = forward()(x)
    for bin in range(60):
        centre = 110 * 2 ** (bin / 12)
        # As wide as a step of the axis, and never narrower than a Fourier bin.
        width = max(centre * (2 ** (1 / 12) - 1), SR_HZ / N_FFT)
        weights = np.interp(HZ, [centre - width, centre, centre + width], [0, 1, 0])
        expected = np.einsum("f,bcft->bct", weights / weights.sum(), x.double().numpy())
        np.testing.assert_allclose(found[:, :, bin].numpy(), expected, rtol=1e-5)


def test_linear_frequency_is_numpys_interpolation_over_octaves():
    torch.manual_seed(0)
    x = torch.rand(1, 2, 60, 3)
    found = back()(x).numpy()
    octaves = np.log2(np.maximum(HZ, 1e-3) / 110)
    for channel, frame in np.ndindex(2, 3):
        values = x[0, channel, :, frame].double().numpy()
        expected = np.interp(octaves, np.arange(60) / 12, values)
        np.testing.assert_allclose(found[0, channel, :, frame], expected, atol=1e-5)
    # Fewer Fourier bins are the lowest of them.
    np.testing.assert_array_equal(back(n_linear=100)(x).numpy(), found[:, :, :100])


def test_a_constant_stays_a_constant_both_ways():
    ones = torch.ones(1, 1, 257, 2)
    torch.testing.assert_close(forward()(ones), torch.ones(1, 1, 60, 2))
    torch.testing.assert_close(back()(forward()(ones)), ones)
    # A map of one bin has nothing between its values.
    assert torch.equal(back(n_bins=1)(torch.ones(1, 1, 1, 2)), ones)


@pytest.mark.parametrize("semitone", [0, 5, 24, 50])
def test_a_tone_peaks_at_its_semitone(semitone):
    hz = 110 * 2 ** (semitone / 12)
    distance = (torch.tensor(HZ) - hz).abs() * N_FFT / SR_HZ
    magnitudes = (1 - distance / 2).clamp_min(0).float()[None, None, :, None]
    # Low bins lie closer together than a Fourier transform resolves: there a neighbour may win.
    resolved = (SR_HZ / N_FFT) / (hz * (2 ** (1 / 12) - 1))
    assert abs(int(forward()(magnitudes).argmax()) - semitone) <= max(1, resolved)


def test_bins_beyond_the_spectrum_are_refused():
    with pytest.raises(ValidationError, match="half of sr_hz"):
        forward(n_bins=70)
    with pytest.raises(ValidationError, match="100 Fourier bins end at 1547 Hz"):
        forward(n_linear=100)
