"""The log-mel spectrogram against librosa and torchaudio."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mirbricks import registry
from mirbricks.blocks.frontends.mel import MelBandsConfig, mel_filters
from mirbricks.features.mel_scale import hz_to_mel, mel_spaced_hz
from mirbricks.features.torchaudio_import import import_torchaudio
from mirbricks.registry import Block

Make = Callable[..., Block]
BASE: dict[str, Any] = {
    "sr_hz": 16000,
    "n_fft": 512,
    "hop_length": 160,
    "n_mels": 40,
    "scale": "linear",
}


@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize("mel_scale", ["slaney", "htk"])
def test_filters_are_librosas_and_torchaudios(mel_scale: str, norm: str | None) -> None:
    config = MelBandsConfig(
        sr_hz=22050, n_mels=64, fmin_hz=30, fmax_hz=8000, mel_scale=mel_scale, norm=norm
    )
    found = mel_filters(config).double()
    expected = librosa.filters.mel(
        sr=22050,
        n_fft=2048,
        n_mels=64,
        fmin=30,
        fmax=8000,
        htk=mel_scale == "htk",
        norm=norm,
        dtype=np.float64,
    )
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-4, atol=1e-6)
    theirs = import_torchaudio().functional.melscale_fbanks(
        1025, 30.0, 8000.0, 64, 22050, norm, mel_scale
    )
    torch.testing.assert_close(
        found.T.float(), theirs, rtol=1e-2, atol=1e-4
    )  # theirs are made in float32


def test_the_scale_meets_its_known_points() -> None:
    assert hz_to_mel(1000, "htk") == pytest.approx(1000, abs=0.02)
    assert [hz_to_mel(hz, "slaney") for hz in (0, 200, 1000, 6400)] == pytest.approx(
        [0, 3, 15, 42]
    )
    spaced = mel_spaced_hz(0, 6400, 43, "slaney")
    torch.testing.assert_close(
        spaced[[0, 3, 15, 42]], torch.tensor([0, 200, 1000, 6400.0])
    )


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"power": 1.0},
        {"power": 3.0},
        {"n_fft": 1000, "win_length": 400},
        {"window": "hamming", "hop_length": 77},
        {
            "pad_mode": "reflect",
            "fmin_hz": 100.0,
            "fmax_hz": 4000.0,
            "mel_scale": "htk",
            "norm": None,
        },
        {"center": False},
    ],
    ids=str,
)
def test_every_setting_as_librosa_takes_it(make: Make, changed: dict[str, Any]) -> None:
    given = {**BASE, **changed}
    x = torch.randn(2, 2, 4000, dtype=torch.float64)
    config = MelBandsConfig(**given)
    expected = librosa.feature.melspectrogram(
        y=x.numpy(), sr=16000, n_fft=config.n_fft, hop_length=config.hop, win_length=config.win_length,
        window=config.window, center=config.center, pad_mode=config.pad_mode, power=config.power, n_mels=40,
        fmin=config.fmin_hz, fmax=config.fmax_hz, htk=config.mel_scale == "htk", norm=config.norm,
    )  # fmt: skip
    torch.testing.assert_close(
        make("LogMel", (2, 2, 4000), **given)(x),
        torch.from_numpy(expected),
        rtol=1e-4,
        atol=1e-5,
    )


def test_log_and_decibels(make: Make) -> None:
    x = 0.1 * torch.randn(2, 1, 4000, dtype=torch.float64)
    x[1] *= torch.linspace(0, 1, 4000) ** 8
    mel = make("LogMel", (2, 1, 4000), **BASE)(x)
    log = make("LogMel", (2, 1, 4000), **{**BASE, "scale": "log"})(x)
    torch.testing.assert_close(log, torch.log(1 + 10000 * mel))
    halved = make("LogMel", (2, 1, 4000), **{**BASE, "scale": "log", "gain": 50.0})(x)
    torch.testing.assert_close(halved, torch.log(1 + 50 * mel))
    for top_db in (80.0, 30.0, None):
        db = make("LogMel", (2, 1, 4000), **{**BASE, "scale": "db", "top_db": top_db})(
            x
        )
        for item, energy in zip(db, mel.numpy(), strict=True):
            expected = librosa.power_to_db(energy, top_db=top_db)
            torch.testing.assert_close(
                item, torch.from_numpy(expected), rtol=1e-6, atol=1e-6
            )
    magnitude = make("LogMel", (2, 1, 4000), **{**BASE, "power": 1.0})(x).numpy()
    db = make(
        "LogMel", (2, 1, 4000), **{**BASE, "power": 1.0, "scale": "db", "top_db": None}
    )(x)
    expected = librosa.amplitude_to_db(magnitude, top_db=None)
    torch.testing.assert_close(db, torch.from_numpy(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", ["log", "db", "linear"])
@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_silence_has_finite_values_and_gradients(
    make: Make, scale: str, power: float
) -> None:
    x = torch.zeros(1, 1, 2000, dtype=torch.float64, requires_grad=True)
    y = make("LogMel", (1, 1, 2000), **{**BASE, "scale": scale, "power": power})(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"fmax_hz": 9000.0},
            "bands from fmin_hz 0 to fmax_hz 9000 do not lie between 0 and 8000 Hz, half of sr_hz",
        ),
        (
            {"fmin_hz": 8000.0},
            "bands from fmin_hz 8000 to fmax_hz 8000 do not lie between 0 and 8000 Hz, half of sr_hz",
        ),
        (
            {"win_length": 513},
            "win_length 513 is larger than n_fft 512; a frame has n_fft samples",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get("LogMel").cls.Config(**{**BASE, **config})
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


def test_bands_that_are_always_0_are_told_and_others_not(make: Make) -> None:
    """Case 13: librosa warns of the same 39 bands."""
    fields = {"sr_hz": 22050, "n_fft": 512, "fmax_hz": 2000.0}
    with pytest.warns(
        UserWarning, match="LogMel: 39 of 128 mel bands hold no Fourier bin"
    ) as told:
        block = make("LogMel", (1, 1, 22050), **fields)
    assert "use a larger n_fft or fewer n_mels" in str(told[0].message)
    y = block(torch.randn(1, 1, 22050, dtype=torch.float64))
    assert int((y.amax(dim=(0, 1, 3)) == 0).sum()) == 39
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make("LogMel", (1, 1, 22050), **{**fields, "n_fft": 4096})
        make("LogMel", (1, 1, 22050), **fields, n_mels=32)
