"""Words of an older version in `feature:` sections, and the cache files that were computed under them."""

from __future__ import annotations

import hashlib
import importlib

import pytest
from pydantic import ValidationError

from mirbricks.features.base import features
from mirbricks.features.extract import settings_of

# sha256 of the settings that name the cache files of 0.1: other settings would leave computed features unused.
KEYS = {
    "hcqt": "94507f54f23c90cc",
    "cqt": "45ca6a5fd9794f60",
    "chroma": "ad91a616c6f9a367",
    "beat_chroma": "229fef63a02ef962",
    "nnls_chroma": "06a5f2c68eb4dafb",
    "fourier_2d": "edf867a3a542a36d",
    "logmel": "34ea4ca50e561bf0",
    "pcen": "ec114a57ef88b0af",
    "waveform": "525be0e6d24e5dab",
}
HOPPING = ["hcqt", "cqt", "chroma", "beat_chroma", "nnls_chroma", "fourier_2d"]
WINDOWED = ["logmel", "pcen"]


@pytest.mark.parametrize("name", list(KEYS))
def test_computed_features_are_found_again(name: str) -> None:
    settings = settings_of(features()[name].Config())
    assert hashlib.sha256(settings.encode()).hexdigest()[:16] == KEYS[name]


@pytest.mark.parametrize("name", HOPPING + WINDOWED)
def test_an_old_word_is_the_new_one_with_a_warning(name: str) -> None:
    config = features()[name].Config
    with pytest.warns(FutureWarning, match="'hop_samples' is called 'hop_length' now"):
        old = config.model_validate({"hop_samples": 1024})
    assert old == config.model_validate({"hop_length": 1024})


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_in_the_old_word(name: str) -> None:
    config = features()[name].Config
    with pytest.warns(FutureWarning, match="'window_samples' is called 'win_length'"):
        old = config.model_validate({"window_samples": 100})
    assert old == config.model_validate({"win_length": 100})


@pytest.mark.parametrize("first", ["hop_samples", "hop_length"])
def test_both_words_at_once_are_refused(first: str) -> None:
    both = {first: 256, "hop_samples": 256, "hop_length": 512}
    with pytest.raises(ValidationError, match="hop_samples"):
        features()["logmel"].Config.model_validate(both)


@pytest.mark.parametrize("name", [*KEYS, "given"])
def test_classes_are_found_under_their_old_names(name: str) -> None:
    cls = features()[name]
    module = importlib.import_module(cls.__module__)
    old = cls.__name__.removesuffix("Feature")
    with pytest.warns(FutureWarning, match=f"{old} is called '{cls.__name__}' now"):
        assert getattr(module, old) is cls
    with pytest.warns(FutureWarning, match=f"is called '{cls.Config.__name__}' now"):
        assert getattr(module, f"{old}Config") is cls.Config
    with pytest.raises(AttributeError, match="has no attribute 'Other'"):
        module.Other  # noqa: B018  # the access is what is tested
