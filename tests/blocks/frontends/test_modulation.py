"""The modulation spectrum against scipy, and what it is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

import mirbricks as mb
from mirbricks.blocks.frontends.modulation import ModulationSpectrum
from mirbricks.errors import GraphError


def spectrum(n_fft: int, hop_length: int) -> ModulationSpectrum:
    config = ModulationSpectrum.Config(n_fft=n_fft, hop_length=hop_length)
    return ModulationSpectrum(config)


@pytest.mark.parametrize(("n_fft", "hop_length", "n"), [(16, 8, 41), (9, 4, 30)])
def test_modulation_spectrum_by_scipys_welch(
    n_fft: int, hop_length: int, n: int
) -> None:
    x = torch.randn(2, 3, 4, n, dtype=torch.float64)
    _, expected = signal.welch(
        x.numpy(),
        window="hann",
        nperseg=n_fft,
        noverlap=n_fft - hop_length,
        detrend="constant",
        return_onesided=False,
        scaling="density",
    )
    expected = expected[..., : n_fft // 2 + 1]
    found = spectrum(n_fft, hop_length)(x)
    assert found.shape == (2, 3, 4, n_fft // 2 + 1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-9)


def test_a_rotor_has_a_peak_at_its_rate_and_a_level_none() -> None:
    rate = 10 / 64
    t = torch.arange(200)
    bands = torch.stack([torch.sin(2 * math.pi * rate * t), torch.full((200,), 7.0)])
    found = spectrum(64, 16)(bands[None, None])[0, 0]
    assert found[0].argmax() == 10
    assert found[0, 10] > 100 * found[0, 20]
    assert (found[1] < 1e-6).all()


def test_fewer_frames_than_a_transform_are_refused() -> None:
    graph = {
        "name": "short",
        "input": "B C=1 F=4 T=20",
        "layers": [{"ModulationSpectrum": {"n_fft": 32}}],
    }
    with pytest.raises(GraphError):
        mb.compile_graph(graph)
