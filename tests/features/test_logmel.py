"""The feature `logmel` on full tensors: against librosa and torchaudio, every setting honoured."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from mirbricks.features import logmel as logmel_module
from mirbricks.features.base import features
from mirbricks.features.kinds import feature_of
from mirbricks.features.logmel import LogMelFeature, LogMelFeatureConfig
from mirbricks.features.torchaudio_import import import_torchaudio

SR_HZ = 16000
GIVEN: list[dict[str, Any]] = [
    {},
    {"n_fft": 512, "hop_length": 160},
    {"n_fft": 1000, "win_length": 400, "hop_length": 77, "n_mels": 40},
    {"n_fft": 513, "hop_length": 200, "n_mels": 30},
    {"n_fft": 512, "window": "hamming", "mel_scale": "htk", "norm": None, "n_mels": 40},
    {
        "n_fft": 1024,
        "fmin_hz": 100.0,
        "fmax_hz": 4000.0,
        "mel_scale": "htk",
        "n_mels": 64,
    },
    {"n_fft": 1024, "power": 1.0, "norm": None},
    {"n_fft": 256, "hop_length": 600, "n_mels": 20},
]


@pytest.fixture(scope="module")
def wave() -> NDArray[np.float32]:
    t = np.arange(12_345) / SR_HZ
    sweep = np.sin(2 * np.pi * (50 * t + 4000 * t**2))
    return (
        0.3 * sweep + 0.05 * np.random.default_rng(0).standard_normal(len(t))
    ).astype(np.float32)


def librosa_mel(
    wave: NDArray[np.float32], config: LogMelFeatureConfig
) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = librosa.feature.melspectrogram(
        y=wave.astype(np.float64), sr=config.sr_hz, n_fft=config.n_fft, hop_length=config.hop_length,
        win_length=config.win_length, window=config.window, pad_mode="constant", power=config.power,
        n_mels=config.n_mels, fmin=config.fmin_hz, fmax=config.fmax_hz, htk=config.mel_scale == "htk",
        norm=config.norm, dtype=np.float64,
    )  # fmt: skip
    return mel


@pytest.mark.parametrize("given", GIVEN, ids=str)
@pytest.mark.parametrize("scale", ["log", "db"])
def test_as_librosa_does(
    wave: NDArray[np.float32], given: dict[str, Any], scale: Any
) -> None:
    config = LogMelFeatureConfig(sr_hz=SR_HZ, scale=scale, **given)
    found = LogMelFeature(config)(torch.from_numpy(wave)[None])[0].double().numpy()
    mel = librosa_mel(wave, config)
    if scale == "log":
        expected = np.log1p(10_000 * mel)
    else:
        convert = librosa.amplitude_to_db if config.power == 1 else librosa.power_to_db
        expected = convert(mel, top_db=None)
    np.testing.assert_allclose(found[:, : mel.shape[1]], expected, rtol=0, atol=2e-3)
    assert found.shape == (config.n_mels, 1 + len(wave) // config.hop_length)


@pytest.mark.parametrize(
    "given", [given for given in GIVEN if given.get("n_fft") != 513], ids=str
)
def test_as_torchaudio_does(wave: NDArray[np.float32], given: dict[str, Any]) -> None:
    config = LogMelFeatureConfig(sr_hz=SR_HZ, gain=100.0, **given)
    windows = {"hann": torch.hann_window, "hamming": torch.hamming_window}
    theirs = import_torchaudio().transforms.MelSpectrogram(
        SR_HZ, config.n_fft, config.win_length or config.n_fft, config.hop_length, config.fmin_hz,
        config.top_hz, 0, config.n_mels, windows[config.window], config.power, False, None, True, "constant",
        norm=config.norm, mel_scale=config.mel_scale,
    )  # fmt: skip
    batch = torch.from_numpy(np.stack([wave, wave[::-1]]))
    expected = torch.log1p(100 * theirs(batch))
    torch.testing.assert_close(
        LogMelFeature(config)(batch), expected, rtol=0, atol=0.02
    )  # their filters are made in float32


def test_gain_and_floor() -> None:
    wave = 0.1 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    wave[:, 2000:] = 0
    base: dict[str, Any] = {
        "sr_hz": SR_HZ,
        "n_fft": 256,
        "n_mels": 20,
        "hop_length": 100,
    }
    mel = LogMelFeature(LogMelFeatureConfig(**base)).mel(wave)
    torch.testing.assert_close(
        LogMelFeature(LogMelFeatureConfig(gain=7.0, **base))(wave),
        torch.log(1 + 7 * mel),
    )
    floored = LogMelFeature(LogMelFeatureConfig(scale="db", floor_db=-30, **base))(wave)
    torch.testing.assert_close(
        floored, (10 * torch.log10(mel.clamp_min(1e-12))).clamp_min(-30)
    )
    assert floored.min() == -30


def test_frames_done_in_parts_equal_frames_done_at_once(
    wave: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    transform, batch = (
        LogMelFeature(LogMelFeatureConfig(n_fft=512)),
        torch.from_numpy(wave)[None].repeat(2, 1),
    )
    whole = transform(batch)
    monkeypatch.setattr(logmel_module, "FRAME_VALUES", 3000)
    torch.testing.assert_close(transform(batch), whole)


def test_a_sine_is_in_the_band_of_its_frequency() -> None:
    transform = LogMelFeature(LogMelFeatureConfig())
    hz = transform.frequencies_hz()
    assert hz.shape == (128,)
    for band in (40, 80, 110):
        t = torch.arange(22050) / 22050
        found = transform(torch.sin(2 * torch.pi * float(hz[band]) * t)[None])[0]
        assert (found[:, 5:-5].argmax(0) == band).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"n_fft": 512, "win_length": 513},
            "win_length 513 is larger than n_fft 512, a frame's samples",
        ),
        (
            {"fmax_hz": 12000.0},
            "bands from fmin_hz 0 to fmax_hz 12000 do not lie between 0 and 11025 Hz, half of sr_hz",
        ),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LogMelFeatureConfig(**given)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


@pytest.mark.parametrize("name", ["logmel", "pcen"])
@pytest.mark.parametrize(
    "settings",
    [{"n_fft": 512, "fmax_hz": 2000.0}, {"n_mels": 900}, {"n_fft": 256}],
)
def test_bands_that_are_always_0_are_named(name: str, settings: dict[str, Any]) -> None:
    config = features()[name].Config(**settings)
    with pytest.warns(UserWarning, match="are always 0: no bin of n_fft") as caught:
        transform = feature_of(config)
    wave = torch.randn(1, 22050, generator=torch.Generator().manual_seed(0))
    n_silent = int((transform.mel(wave).amax((0, 2)) == 0).sum())
    assert n_silent > 0
    assert str(caught[0].message).startswith(
        f"{n_silent} of the {config.n_mels} mel bands of the feature '{name}' are always 0"
    )


def test_bands_that_all_sound_are_not(recwarn: pytest.WarningsRecorder) -> None:
    for name in ("logmel", "pcen"):
        feature_of(features()[name].Config())
    assert not recwarn.list
