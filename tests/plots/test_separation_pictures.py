"""Pictures of what was separated: a spectrogram per target, and masks that are shares of the mix."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from matplotlib.figure import Figure

from mirbricks.plots.separation import mask, masks_of, spectrograms

SR_HZ = 8000


def tone(hz: float, n_samples: int = 8000) -> np.ndarray:
    return np.float32(0.2 * np.sin(2 * np.pi * hz * np.arange(n_samples) / SR_HZ))[None]


def test_the_examples_run() -> None:
    results = doctest.testmod(importlib.import_module("mirbricks.plots.separation"))
    assert results.attempted > 0
    assert results.failed == 0


def test_a_mask_is_the_share_of_the_magnitude() -> None:
    mix_db = np.array([[0.0, -20.0, -120.0]])
    np.testing.assert_allclose(masks_of(mix_db, mix_db), [[1.0, 1.0, 0.0]])
    half_db = mix_db - 20 * np.log10(2)
    np.testing.assert_allclose(masks_of(half_db, mix_db), [[0.5, 0.5, 0.0]])


def test_the_mask_is_white_where_the_target_is() -> None:
    low = tone(500.0)
    high = tone(2000.0)
    figure = mask(low, low + high, SR_HZ, "low")
    (image,) = figure.axes[0].images
    values = image.get_array()
    bottom, top = image.get_extent()[2:]
    rows = {}
    for hz in (500, 2000):
        share = (np.log2(hz) - bottom) / (top - bottom)
        rows[hz] = round(share * (len(values) - 1))
    middle = values.shape[1] // 2
    assert values[rows[500], middle] == pytest.approx(1.0, abs=0.05)
    assert values[rows[2000], middle] < 0.05


@pytest.mark.parametrize("n_samples", [1, 100, 8000])
def test_sounds_of_any_length_have_pictures(n_samples: int) -> None:
    silence = np.zeros((2, n_samples), np.float32)
    waves = {"a": silence, "b": tone(440.0, n_samples)}
    assert len(spectrograms(waves, SR_HZ).axes) >= 2
    assert isinstance(mask(silence, silence, SR_HZ), Figure)
    axes = Figure().add_subplot()
    assert spectrograms(waves, SR_HZ, "duo", ax=axes) is axes.figure
    assert axes.get_title(loc="left") == "duo: a"
