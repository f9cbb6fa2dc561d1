"""`mirbricks.features.feature`: a feature for tensors and arrays, and features of other packages."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.errors import DataError, RegistryError
from mirbricks.features import (
    WaveformFeature,
    WaveformFeatureConfig,
    feature,
    feature_of,
    features,
    register_feature,
)
from mirbricks.features.base import FEATURES

NAMES = sorted(features().keys() - {"given"})


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_transform_of_the_section(name: str) -> None:
    wave = noise(2, 30_000)
    made = feature(name)
    expected = feature_of(features()[name].Config())(wave)
    assert torch.equal(made(wave), expected)
    assert made.config == features()[name].Config()
    assert made.frame_times_s(3).shape == (3,)


@pytest.mark.parametrize("name", ["hcqt", "logmel", "waveform", "chroma"])
def test_one_recording_comes_without_a_batch(name: str) -> None:
    wave = noise(20_000)
    made = feature(name)
    assert torch.equal(made(wave), made(wave[None])[0])
    assert torch.equal(made(wave.numpy()), made(wave))
    assert torch.equal(made(wave.double().numpy()), made(wave.double()))


def test_settings_are_those_of_the_section() -> None:
    made = feature("logmel", sr_hz=16000, n_mels=40, hop_length=160)
    assert made(noise(16000)).shape == (40, 101)
    assert repr(made) == "feature('logmel', sr_hz=16000, hop_length=160, n_mels=40)"
    assert made.frequencies_hz().shape == (40,)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("hqct", {}, "there is no feature 'hqct'\n  help: did you mean 'hcqt'"),
        (
            "logmel",
            {"n_mel": 40},
            "the feature 'logmel' has no setting 'n_mel': did you mean 'n_mels'?\n"
            "  help: `mirbricks explain logmel` shows its settings     [E448]",
        ),
        (
            "hcqt",
            {"sr_hz": 4000},
            "the feature 'hcqt': the highest bin, 10344 Hz for harmonic 5, does not fit below 2000 Hz",
        ),
        ("cqt", {"hop_length": -1}, "the feature 'cqt': 'hop_length': input should be"),
    ],
)
def test_mistakes_are_named(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        feature(name, **settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("wave", [np.zeros(9, np.int16), np.zeros((1, 1, 9)), []])
def test_what_is_not_audio_is_refused(wave: Any) -> None:
    with pytest.raises(DataError, match="E450"):
        feature("logmel")(wave)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations of a test end with it."""
    features()
    monkeypatch.setattr(FEATURES, "known", dict(FEATURES.known))
    monkeypatch.setattr(FEATURES, "_paths", dict(FEATURES._paths))


class HalvedConfig(WaveformFeatureConfig):
    """A feature of another package."""

    type: Literal["halved"] = "halved"  # type: ignore[assignment]  # its own name


class Halved(WaveformFeature):
    """The waveform at half its level."""

    Config = HalvedConfig

    def forward(self, wave: Tensor) -> Tensor:
        return super().forward(wave) / 2


@pytest.mark.usefixtures("own")
def test_a_feature_of_another_package() -> None:
    register_feature("halved")(Halved)
    wave = noise(50)
    assert torch.equal(feature("halved")(wave)[0], wave / 2)
    assert "halved" in features()


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        ("logmel", {"Config": features()["logmel"].Config}, "E301"),
        ("other", {"Config": HalvedConfig}, "no Config whose 'type' is 'other'"),
        ("halved", {}, "no Config whose 'type' is 'halved'"),
        ("halved", {"Config": HalvedConfig, "__doc__": None}, "has no docstring"),
    ],
)
def test_what_cannot_be_registered(
    name: str, members: dict[str, Any], message: str
) -> None:
    with pytest.raises(RegistryError, match=message):
        register_feature(name)(
            type("Own", (WaveformFeature,), {"__doc__": "d", **members})
        )
