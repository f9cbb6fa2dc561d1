"""Chroma against librosa, and that bin 0 is C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
ORDERS = {"max": np.inf, "l1": 1, "l2": 2, None: None}


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize("norm", list(ORDERS))
@pytest.mark.parametrize(
    ("fmin", "bins_per_octave"), [("C1", 36), ("A1", 24), ("F#2", 12)]
)
def test_as_librosa_does(
    make: Make, norm: str | None, fmin: str, bins_per_octave: int
) -> None:
    t = np.arange(22050) / 22050
    wave = sum(np.sin(2 * np.pi * hz * t) for hz in (130.8, 329.6, 392.0, 1046.5))
    fmin_hz = float(librosa.note_to_hz(fmin))
    config: dict[str, Any] = {
        "n_octaves": 5,
        "bins_per_octave": bins_per_octave,
        "fmin_hz": fmin_hz,
        "norm": norm,
    }
    found = make("Chroma", (1, 1, 9), **config)(torch.from_numpy(wave)[None, None])
    expected = librosa.feature.chroma_cqt(
        y=wave, sr=22050, fmin=fmin_hz, n_octaves=5, bins_per_octave=bins_per_octave, norm=ORDERS[norm], tuning=0.0,
        threshold=None,
    )  # fmt: skip
    torch.testing.assert_close(
        found[0, 0], torch.from_numpy(expected), rtol=0.01, atol=0.003
    )


@pytest.mark.parametrize("n_chroma", [12, 24, 36])
@pytest.mark.parametrize("fmin_hz", [32.7, 36.71, 55.0, 61.74])
def test_bin_0_is_c_wherever_the_lowest_bin_is(
    make: Make, n_chroma: int, fmin_hz: float
) -> None:
    block = make(
        "Chroma",
        (1, 1, 9),
        fmin_hz=fmin_hz,
        n_octaves=5,
        bins_per_octave=72,
        n_chroma=n_chroma,
    )
    t = torch.arange(12_000, dtype=torch.float64) / 22050
    for pitch_class, hz in enumerate(261.626 * 2 ** (np.arange(12) / 12)):
        chroma = block(torch.sin(2 * torch.pi * hz * t)[None, None])
        assert (chroma[0, 0, :, 8:-8].argmax(0) == pitch_class * n_chroma // 12).all()


def test_each_channel_by_itself_and_silence_stays_zero(make: Make) -> None:
    x = torch.randn(2, 3, 3000, dtype=torch.float64)
    x[0, 1] = 0
    x.requires_grad_()
    block = make("Chroma", x.shape, n_octaves=4)
    y = block(x)
    y.sum().backward()
    assert torch.equal(y[0, 1].detach(), torch.zeros_like(y[0, 1]))
    assert torch.allclose(y[1].amax(1), torch.ones((), dtype=torch.float64))
    assert x.grad.isfinite().all()
    torch.testing.assert_close(block(x[1:, 2:]), y[1:, 2:])


def test_a_fold_of_no_whole_bins_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get("Chroma").cls.Config(bins_per_octave=40)
    assert [error["msg"] for error in caught.value.errors()] == [
        "Value error, bins_per_octave 40 is not a multiple of n_chroma 12: "
        "a pitch class would have no whole number of bins"
    ]
