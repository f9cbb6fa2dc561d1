"""CQT and HCQT blocks against librosa and against the feature; scales; gradients; precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mirbricks import registry
from mirbricks.features import hcqt as feature
from mirbricks.registry import Block

Make = Callable[..., Block]
SMALL: dict[str, Any] = {
    "fmin_hz": 220.0,
    "n_octaves": 2,
    "bins_per_octave": 12,
    "hop_length": 256,
}


def audio(duration_s: float, channels: int = 1, sr_hz: int = 22050) -> Tensor:
    """(1, channels, N) of tones with harmonics, and noise."""
    t = np.arange(int(duration_s * sr_hz)) / sr_hz
    random = np.random.default_rng(0)
    tones = [
        sum(np.sin(2 * np.pi * f0 * k * t + k) / k for k in range(1, 12))
        for f0 in 97.3 * 1.37 ** np.arange(channels)
    ]
    return torch.from_numpy(
        0.1 * np.stack(tones)[None]
        + 0.05 * random.standard_normal((1, channels, len(t)))
    )


@pytest.mark.parametrize(
    "changed",
    [{}, {"hop_length": 441}, {"bins_per_octave": 36, "n_octaves": 4}],
    ids=str,
)
def test_each_channel_is_librosas(make: Make, changed: dict[str, Any]) -> None:
    config = {**SMALL, **changed}
    x = audio(2, channels=2)
    found = make("CQT", x.shape, **config, scale="linear", reference=1.0)(x)[0]
    n_bins = config["n_octaves"] * config["bins_per_octave"]
    for channel, wave in zip(found.numpy(), x[0].numpy(), strict=True):
        expected = np.abs(
            librosa.cqt(
                wave, sr=22050, hop_length=config["hop_length"], fmin=220, n_bins=n_bins,
                bins_per_octave=config["bins_per_octave"],
            )
        )  # fmt: skip
        assert np.corrcoef(channel.ravel(), expected.ravel())[0, 1] >= 0.9999
        assert np.linalg.norm(channel - expected) <= 0.002 * np.linalg.norm(expected)


@pytest.mark.parametrize("scale", ["db", "log", "linear"])
@pytest.mark.parametrize("samples", [1, 255, 256, 5000, 22051])
def test_the_hcqt_is_the_features(make: Make, scale: str, samples: int) -> None:
    x = (
        audio(1.1)[..., :samples].float().expand(2, 1, -1)
        * torch.tensor([1.0, 0.1])[:, None, None]
    )
    harmonics = (0.5, 1.0, 2.0)
    magnitude = feature.HCQTFeature(
        feature.HCQTFeatureConfig(harmonics=harmonics, **SMALL)
    )(x[:, 0]).abs()
    expected = feature.to_scale(
        magnitude.clone(), scale, magnitude.amax((1, 2, 3), keepdim=True)
    )
    block = make(
        "HCQT", x.shape, **SMALL, harmonics=list(harmonics), scale=scale
    ).float()
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-4)
    given = make(
        "HCQT", x.shape, **SMALL, harmonics=list(harmonics), scale=scale, reference=0.5
    ).float()
    torch.testing.assert_close(
        given(x), feature.to_scale(magnitude, scale, 0.5), rtol=1e-4, atol=1e-4
    )


def test_a_sine_has_its_peak_at_its_own_bin_and_time(make: Make) -> None:
    block = make("CQT", (1, 1, 9), **SMALL, scale="linear")
    hz = 220 * 2 ** (17 / 12)
    x = torch.sin(2 * torch.pi * hz * torch.arange(22050, dtype=torch.float64) / 22050)[
        None, None
    ]
    assert (block(x)[0, 0, :, 10:-10].argmax(0) == 17).all()
    click = torch.zeros(1, 1, 22050, dtype=torch.float64)
    click[..., 40 * 256] = 1
    assert (block(click)[0, 0].argmax(1) == 40).all()


def test_no_frame_sees_beyond_what_the_block_says(make: Make) -> None:
    block = make("CQT", (1, 1, 9), **SMALL, scale="linear", reference=1.0)
    x = torch.randn(1, 1, 30_000, dtype=torch.float64, requires_grad=True)
    assert block.transform.stride == 256
    block(x)[..., 60].sum().backward()
    seen = x.grad[0, 0].nonzero().flatten()
    reach = block.transform.kernel_size // 2
    assert 60 * 256 - reach <= seen.min() < 60 * 256 < seen.max() <= 60 * 256 + reach


def test_gradients_reach_the_waveform_and_are_right(make: Make) -> None:
    config = {
        "sr_hz": 2000,
        "fmin_hz": 110.0,
        "n_octaves": 2,
        "bins_per_octave": 3,
        "hop_length": 32,
    }
    x = torch.randn(1, 1, 200, dtype=torch.float64, requires_grad=True)
    for scale in ("linear", "log"):
        block = make("CQT", x.shape, **config, scale=scale, reference=1.0)
        assert torch.autograd.gradcheck(block, (x,), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("scale", ["db", "log", "linear"])
def test_silence_is_zero_with_finite_gradients(make: Make, scale: str) -> None:
    x = torch.zeros(1, 1, 2000, requires_grad=True)
    y = make("CQT", x.shape, **SMALL, scale=scale).float()(x)
    (100 * y).sum().backward()
    assert torch.equal(y.detach(), torch.zeros_like(y))
    assert x.grad.isfinite().all()


def test_autocast_does_not_coarsen_it(make: Make) -> None:
    x = audio(0.3).float()
    block = make("CQT", x.shape, **SMALL).float()
    exact = block(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(block(x), exact)


@pytest.mark.parametrize(("name", "harmonic"), [("CQT", "1"), ("HCQT", "5")])
def test_bins_above_nyquist_are_refused(name: str, harmonic: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get(name).cls.Config(
            sr_hz=8000, fmin_hz=440.0, n_octaves=5, bins_per_octave=12
        )
    top = round(float(harmonic) * 440 * 2 ** (59 / 12))
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, the highest bin, {top} Hz for harmonic {harmonic}, does not fit below 4000 Hz, half of sr_hz; "
        "use fewer octaves, fewer harmonics or a higher sr_hz"
    ]
