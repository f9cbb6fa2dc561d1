"""What every augmentation keeps: shape, type, finite values, seeds, independence of the examples, the probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.augment.base import Augmentation, augmentations, register_augmentation
from mirbricks.errors import RegistryError

SETTINGS = {
    "LowPass": {"min_hz": 200.0, "max_hz": 3000.0},
    "HighPass": {"min_hz": 200.0, "max_hz": 3000.0},
    "Transpose": {"min_bins": -3, "max_bins": 3},
    "SpecAugment": {"max_bins": 4, "max_frames": 5},
}
NAMES = list(augmentations())


def make(name: str, **more: object) -> Augmentation:
    cls = augmentations()[name]
    return cls(cls.Config(**{**SETTINGS.get(name, {}), **more}), 8000)


def sound(
    augmentation: Augmentation, batch: int = 3, dtype: torch.dtype = torch.float32
) -> Tensor:
    shape = (
        (batch, 2, 6000) if augmentation.domain == "waveform" else (batch, 2, 24, 30)
    )
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).to(dtype)


def test_the_catalogue() -> None:
    assert NAMES == [
        "Delay", "Equalizer", "FilterAugment", "Gain", "HighPass", "LowPass", "Noise", "NoiseFloor", "PitchShift",
        "Polarity", "RandomResizedCrop", "Reverb", "Roll", "Smear", "SpecAugment", "SwapChannels", "Tilt",
        "TimeStretch", "Transpose",
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_stay_and_the_input_is_not_touched(
    name: str, dtype: torch.dtype
) -> None:
    augmentation = make(name, probability=1.0)
    x = sound(augmentation, dtype=dtype)
    before = x.clone()
    y = augmentation(x, np.random.default_rng(0))
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert y.isfinite().all()
    assert torch.equal(x, before)
    assert not torch.equal(x, y)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_another_another(name: str) -> None:
    augmentation = make(name)
    x = sound(augmentation, 4)
    one, same, other = (
        augmentation(x, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_not_hear_its_neighbours(name: str) -> None:
    augmentation = make(name, probability=1.0)
    x = sound(augmentation)
    drawn = augmentation.draw(3, np.random.default_rng(0))
    alone = augmentation.apply(
        x[1:2], {key: value[1:2] for key, value in drawn.items()}
    )
    torch.testing.assert_close(
        augmentation.apply(x, drawn)[1:2], alone, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_share_of_the_examples_is_changed(name: str) -> None:
    batch = 200 if name not in ("PitchShift", "TimeStretch") else 20
    augmentation = make(name, probability=0.25)
    x = sound(augmentation, batch)[..., :3000]
    changed = (
        (augmentation(x, np.random.default_rng(3)) != x).flatten(1).any(1).sum().item()
    )
    assert 0.1 * batch <= changed <= 0.4 * batch
    assert torch.equal(make(name, probability=0.0)(x, np.random.default_rng(3)), x)


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_finite(name: str) -> None:
    augmentation = make(name)
    assert (
        augmentation(torch.zeros_like(sound(augmentation)), np.random.default_rng(0))
        .isfinite()
        .all()
    )


@pytest.mark.parametrize(
    "name", ["PitchShift", "TimeStretch", "Reverb", "Delay", "LowPass", "Noise"]
)
@pytest.mark.parametrize("n_samples", [1, 7, 500])
def test_short_waveforms(name: str, n_samples: int) -> None:
    y = make(name)(torch.ones(2, 1, n_samples), np.random.default_rng(0))
    assert y.shape == (2, 1, n_samples)
    assert y.isfinite().all()


def test_a_name_is_taken_once() -> None:
    with pytest.raises(RegistryError, match="'Gain' is taken by another augmentation"):
        register_augmentation("Gain")(type("Gain", (Augmentation,), {}))


def test_seconds_and_hertz_need_a_rate() -> None:
    cls = augmentations()["Reverb"]
    with pytest.raises(
        ValueError, match="Reverb needs 'sr_hz', the sample rate of the waveform"
    ):
        cls(cls.Config())(torch.zeros(1, 1, 9), np.random.default_rng(0))


def test_a_range_has_two_ends_in_order() -> None:
    with pytest.raises(ValueError, match=r"'min_db' 7.0 is greater than 'max_db' 6.0"):
        augmentations()["Gain"].Config(min_db=7.0)


# What a graph gets that names an augmentation without settings: another number would change trainings in silence.
DEFAULTS: dict[str, dict[str, Any]] = {
    "Delay": {"min_s": 0.05, "max_s": 0.5, "max_feedback": 0.5},
    "Equalizer": {
        "bells": 3,
        "max_gain_db": 9.0,
        "min_hz": 60.0,
        "max_hz": 8000.0,
        "min_octaves": 0.3,
        "max_octaves": 1.5,
    },
    "FilterAugment": {"decibels": 1.0, "bands": 4, "min_db": -6.0, "max_db": 6.0},
    "Gain": {"min_db": -6.0, "max_db": 6.0},
    "HighPass": {"order": 2},
    "LowPass": {"order": 2},
    "Noise": {
        "min_snr_db": 10.0,
        "max_snr_db": 40.0,
        "min_slope": 0.0,
        "max_slope": 2.0,
    },
    "NoiseFloor": {
        "decibels": 1.0,
        "zero_db": 0.0,
        "min_level_db": -80.0,
        "max_level_db": -40.0,
        "min_rise_db": -20.0,
        "max_rise_db": 10.0,
    },
    "PitchShift": {"min_semitones": -2.0, "max_semitones": 2.0},
    "Polarity": {},
    "RandomResizedCrop": {
        "min_time": 0.8,
        "max_time": 1.25,
        "min_bins": 0.9,
        "max_bins": 1.1,
        "shift_time": 0.0,
        "shift_bins": 0.05,
    },
    "Reverb": {
        "min_rt60_s": 0.2,
        "max_rt60_s": 1.0,
        "min_wet_db": -20.0,
        "max_wet_db": -6.0,
        "max_predelay_s": 0.03,
    },
    "Roll": {},
    "Smear": {
        "decibels": 1.0,
        "min_decay_frames": 10.0,
        "max_decay_frames": 100.0,
        "min_level_db": -20.0,
        "max_level_db": 6.0,
    },
    "SpecAugment": {
        "bin_masks": 2,
        "max_bins": 16,
        "frame_masks": 2,
        "max_frames": 32,
        "max_share": 0.5,
        "fill": None,
    },
    "SwapChannels": {},
    "Tilt": {"level": 0.7, "slope": 1.0},
    "TimeStretch": {"min_rate": 0.8, "max_rate": 1.25},
    "Transpose": {"cyclic": False, "fill": 0.0},
}


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_are_these(name: str) -> None:
    fields = augmentations()[name].Config.model_fields
    found = {
        key: info.default
        for key, info in fields.items()
        if not info.is_required() and key != "probability"
    }
    assert found == DEFAULTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_moves_notes_says_so(name: str) -> None:
    moving = ["PitchShift", "RandomResizedCrop", "Roll", "TimeStretch", "Transpose"]
    assert augmentations()[name].moves == (name in moving)


@pytest.mark.parametrize("name", NAMES)
def test_channels_are_changed_alike(name: str) -> None:
    """Two equal channels stay equal, and what happens to one does not depend on the other."""
    augmentation = make(name, probability=1.0)
    if augmentation.domain != "waveform" or name == "Noise":
        pytest.skip("spectra have no channels of sound, and noise differs on purpose")
    mono = sound(augmentation, dtype=torch.float64)[:, :1]
    silent = torch.cat((mono, torch.zeros_like(mono)), dim=1)
    alone = augmentation(mono, np.random.default_rng(0))
    both = augmentation(mono.repeat(1, 2, 1), np.random.default_rng(0))
    beside = augmentation(silent, np.random.default_rng(0))
    torch.testing.assert_close(both, alone.repeat(1, 2, 1))
    kept = int(name == "SwapChannels")
    torch.testing.assert_close(beside[:, kept], alone[:, 0])
    assert not beside[:, 1 - kept].any()


def test_channels_change_places() -> None:
    x = torch.arange(24.0).reshape(2, 3, 4)
    swapped = make("SwapChannels", probability=1.0)(x, np.random.default_rng(0))
    assert torch.equal(swapped, x[:, [2, 1, 0]])
