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
from mirbricks.tasks.reading import as_seen
from mirbricks.workflows.model import load

NAMES = sorted(features().keys() - {"given"})


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_transform_of_the_section(name: str) -> None:
    wave = noise(2, 30_000)
    made = feature(name)
    expected = feature_of(features()[name].Config())(wave)
    if expected.is_complex():
        made = feature(name, complex=True)
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


@pytest.mark.parametrize(
    ("wave", "came", "help"),
    [
        (None, "NoneType", "pass a tensor or an array of samples"),
        ("a.wav", "the text 'a.wav'", "read the file first"),
        (np.zeros(9, np.int16), "int16 of shape (9,)", "wave / 32768"),
        (np.zeros(9, np.int32), "int32 of shape (9,)", "wave / 2147483648"),
        (np.zeros(9, bool), "bool of shape (9,)", "in floating point"),
        (np.zeros((2, 3, 9)), "float64 of shape (2, 3, 9)", "wave.mean(1)"),
        (np.float64(0.0), "float64 of shape ()", "pass one recording"),
    ],
)
@pytest.mark.parametrize("name", ["logmel", "hcqt"])
def test_what_came_and_what_to_do_is_named(
    name: str, wave: Any, came: str, help: str
) -> None:
    with pytest.raises(DataError) as caught:
        feature(name)(wave)
    assert str(caught.value).startswith(
        f"the feature '{name}' expects audio of shape (N,) or (B, N) in floating point, got {came}\n"
    )
    assert help in str(caught.value.help)


def test_a_name_is_text_or_settings() -> None:
    with pytest.raises(DataError, match="the name of a feature must be text, got 3"):
        feature(3)  # type: ignore[arg-type]  # what a user may pass
    config = feature("logmel", n_mels=40).config
    assert feature(config).config == config
    assert feature(config, n_mels=41).config.shape == (41,)
    with pytest.raises(DataError, match="did you mean 'n_mels'"):
        feature(config, n_mel=41)
    with pytest.raises(DataError, match="the feature 'logmel' is real"):
        feature("logmel", complex=True)


@pytest.mark.parametrize("name", ["hcqt", "cqt"])
@pytest.mark.parametrize("scale", ["db", "log", "linear"])
def test_a_constant_q_transform_is_real_and_in_its_scale(name: str, scale: str) -> None:
    wave = noise(2, 20_000) * torch.tensor([[1.0], [1e-3]])
    made = feature(name, scale=scale)
    seen = made(wave)
    assert seen.shape == (2, *made.config.shape, 40)
    assert seen.dtype == torch.float32
    # As the tasks read it: each recording by itself, relative to its own peak.
    for one, of_module in zip(seen, made.module(wave), strict=True):
        assert torch.equal(one, as_seen(of_module, made.config).read())
    assert repr(feature(name, complex=True)) == f"feature('{name}', complex=True)"


def test_scales_differ() -> None:
    wave = noise(20_000)
    db, log, linear = (feature("cqt", scale=s)(wave) for s in ("db", "log", "linear"))
    assert not torch.equal(db, log)
    assert not torch.equal(db, linear)
    assert max(db.max(), log.max(), linear.max()) <= 1.0


def test_silence_has_a_scale_too() -> None:
    for scale in ("db", "log", "linear"):
        assert not feature("cqt", scale=scale)(torch.zeros(9000)).any()


def patch_of(frames: int) -> Tensor:
    """Two tones in noise that fill a patch of a model."""
    t = torch.arange(512 * (frames - 1)) / 22050
    tones = (2 * torch.pi * 220 * t).sin() + (2 * torch.pi * 330 * t).sin()
    return 0.1 * tones + 0.001 * noise(len(t))


def test_the_input_of_a_multi_pitch_model() -> None:
    model = load("zoo:mpe_bach10")
    wave = patch_of(512)
    with torch.inference_mode():
        logits = model.module(feature(model.feature)(wave)[None])
    mine = logits.sigmoid()[0, 0].numpy()
    cached = model.predict(wave, sr_hz=22050).salience
    assert cached.max() > 0.3
    np.testing.assert_allclose(mine, cached, rtol=0, atol=5e-4)
    # Without the half precision of the cache there is no difference left.
    values = feature(model.feature, complex=True)(wave)
    exact = model.task.predict(model.module, values, model.settings.tuned).salience
    np.testing.assert_allclose(mine, exact, rtol=0, atol=1e-6)


def test_the_input_of_a_tagging_model() -> None:
    model = load("zoo:tagging_esc10")
    wave = patch_of(216)
    values = feature(model.feature)(wave)[None, None]
    # A model that is judged at several turns in time gives their mean.
    turns = model.task.config.turns
    step = values.shape[-1] // turns
    turned = torch.cat([values.roll(k * step, dims=-1) for k in range(turns)])
    with torch.inference_mode():
        mine = model.module(turned).softmax(-1).mean(0)
    mine = mine.sort(descending=True).values.numpy()
    scores = sorted(model.predict(wave, sr_hz=22050).scores.values(), reverse=True)
    np.testing.assert_allclose(mine, scores, rtol=0, atol=1e-3)


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


@pytest.mark.parametrize("name", NAMES)
def test_the_default_rate_is_the_documented_one(name: str) -> None:
    expected = 44100 if name == "nnls_chroma" else 22050
    assert feature(name).config.sr_hz == expected
