"""The feature against its definition, in one piece and in many."""

from __future__ import annotations

import torch
from mirbricks.features import feature

import mylab_blocks.spectral_flux  # registers it

SETTINGS = {"sr_hz": 8000, "n_fft": 256, "hop_length": 64, "n_mels": 12}


def test_by_its_definition() -> None:
    wave = torch.randn(2, 3000, generator=torch.Generator().manual_seed(0))
    bands = feature("logmel", **SETTINGS)(wave)
    flux = feature("spectral_flux", **SETTINGS)(wave)
    expected = torch.zeros_like(bands)
    for t in range(1, bands.shape[-1]):
        expected[..., t] = (bands[..., t] - bands[..., t - 1]).clamp(min=0)
    torch.testing.assert_close(flux, expected)


def test_a_stream_equals_the_whole() -> None:
    config = mylab_blocks.spectral_flux.SpectralFluxConfig(**SETTINGS)
    flux = mylab_blocks.spectral_flux.SpectralFlux(config)
    wave = torch.randn(1, 200_000, generator=torch.Generator().manual_seed(1))
    pieces = list(flux.stream(wave.split(30_000, dim=1)))
    assert len(pieces) > 1
    torch.testing.assert_close(torch.cat(pieces, dim=-1), flux(wave))


def test_in_silence_nothing_begins() -> None:
    assert not feature("spectral_flux", **SETTINGS)(torch.zeros(1, 3000)).any()
