"""The feature `pcen` against librosa, and its state from chunk to chunk."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from mirbricks.features.moving_mean import moving_mean
from mirbricks.features.pcen import PCENFeature, PCENFeatureConfig


@pytest.mark.parametrize(
    ("alpha", "delta", "r", "smoothing"),
    [(0.98, 2.0, 0.5, 0.025), (0.8, 10.0, 0.25, 0.2)],
)
def test_as_librosa_does(
    alpha: float, delta: float, r: float, smoothing: float
) -> None:
    wave = (
        0.1
        * np.random.default_rng(0).standard_normal(20_000)
        * np.linspace(0, 1, 20_000) ** 3
    ).astype(np.float32)
    config = PCENFeatureConfig(
        n_fft=1024, n_mels=40, alpha=alpha, delta=delta, r=r, smoothing=smoothing
    )
    mel = librosa.feature.melspectrogram(
        y=wave.astype(np.float64),
        sr=22050,
        n_fft=1024,
        hop_length=512,
        n_mels=40,
        power=1,
        pad_mode="constant",
    )
    energy = mel * 2**31
    expected = librosa.pcen(
        energy,
        gain=alpha,
        bias=delta,
        power=r,
        b=smoothing,
        eps=1e-6,
        zi=(1 - smoothing) * energy[:, :1],
    )
    found = PCENFeature(config)(torch.from_numpy(wave)[None])[0]
    np.testing.assert_allclose(found.double().numpy(), expected, rtol=2e-3, atol=1e-4)


def test_the_mean_goes_on_where_it_was() -> None:
    x = 10 ** (8 * torch.rand(2, 3, 50, dtype=torch.float64) - 8)
    s = torch.tensor([[0.01], [0.3], [1.0]], dtype=torch.float64)
    whole = moving_mean(x, s)
    first = moving_mean(x[..., :13], s)
    second = moving_mean(x[..., 13:14], s, first[..., -1:])
    third = moving_mean(x[..., 14:], s, second)
    torch.testing.assert_close(
        torch.cat([first, second, third], -1), whole, rtol=1e-12, atol=0
    )


def test_loudness_is_taken_away_and_no_frame_looks_ahead() -> None:
    transform = PCENFeature(PCENFeatureConfig(alpha=1.0, n_fft=512, n_mels=20))
    wave = 0.1 * torch.randn(1, 22050, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        transform(100 * wave), transform(wave), rtol=1e-4, atol=1e-4
    )
    changed = wave.clone()
    changed[:, 11_000:] = 0
    assert torch.equal(transform(changed)[..., :20], transform(wave)[..., :20])
