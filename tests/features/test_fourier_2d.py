"""2-D Fourier magnitudes of chroma against numpy, and that they do not change with the key."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mirbricks.features.beats import beat_synchronous, median
from mirbricks.features.chroma import ChromaFeature, ChromaFeatureConfig
from mirbricks.features.fourier_2d import (
    Fourier2DFeature,
    Fourier2DFeatureConfig,
    column_means,
    fourier_magnitude,
)

SMALL = Fourier2DFeatureConfig(
    n_octaves=5, column_frames=3, patch_columns=8, hop_columns=2, hop_length=256
)


@pytest.mark.parametrize(("patch", "hop"), [(8, 1), (9, 4), (75, 1)])
def test_as_numpy_does(patch: int, hop: int) -> None:
    columns = torch.rand(2, 12, 90, generator=torch.Generator().manual_seed(0))
    found = fourier_magnitude(columns, patch, hop)
    assert found.shape == (2, 12, patch // 2 + 1, 1 + (90 - patch) // hop)
    for i in range(found.shape[-1]):
        cut = columns[..., i * hop : i * hop + patch].double().numpy()
        expected = np.abs(np.fft.fft2(cut))[..., : patch // 2 + 1]
        np.testing.assert_allclose(
            found[..., i].numpy(), expected, rtol=1e-4, atol=1e-4
        )


def test_neither_key_nor_place_matter() -> None:
    patch = torch.rand(12, 75)
    torch.testing.assert_close(
        fourier_magnitude(patch.roll(5, 0)),
        fourier_magnitude(patch),
        rtol=1e-4,
        atol=1e-4,
    )
    torch.testing.assert_close(
        fourier_magnitude(patch.roll(30, 1)),
        fourier_magnitude(patch),
        rtol=1e-4,
        atol=1e-4,
    )


def test_the_other_half_mirrors_this_one() -> None:
    patch = torch.rand(12, 9)
    whole, half = torch.fft.fft2(patch).abs(), fourier_magnitude(patch, 9)[..., 0]
    torch.testing.assert_close(
        whole[:, 5:], half.flip(0).roll(1, 0)[:, 1:].flip(1), rtol=1e-4, atol=1e-4
    )


def test_the_feature_is_that_of_the_columns_of_its_chroma() -> None:
    transform = Fourier2DFeature(SMALL)
    wave = torch.randn(1, 256 * 40, generator=torch.Generator().manual_seed(0))
    chroma = ChromaFeature(ChromaFeatureConfig(n_octaves=5, hop_length=256))(wave)
    assert chroma.shape[-1] == 41
    columns = torch.stack(
        [chroma[..., 3 * i : 3 * i + 3].mean(-1) for i in range(14)], -1
    )
    found = transform(wave)
    torch.testing.assert_close(
        found, fourier_magnitude(columns**1.96, 8, 2), rtol=1e-4, atol=1e-4
    )
    assert (
        found.shape == (1, 12, 5, 4) == (1, *SMALL.shape, transform.n_frames(256 * 40))
    )


def test_times_are_the_middles_of_the_patches() -> None:
    times = Fourier2DFeature(SMALL).frame_times_s(3)
    frames = np.arange(100) * 256 / 22050
    expected = [frames[6 * i : 6 * i + 24].mean() for i in range(3)]
    np.testing.assert_allclose(times.numpy(), expected, rtol=1e-12)


def test_short_recordings_are_one_patch_with_zeros() -> None:
    transform, wave = (
        Fourier2DFeature(SMALL),
        torch.randn(1, 256 * 5, generator=torch.Generator().manual_seed(0)),
    )
    columns = column_means(transform.chroma(wave), 3) ** 1.96
    assert columns.shape[-1] == 2
    padded = torch.cat([columns, torch.zeros(1, 12, 6)], -1)
    torch.testing.assert_close(transform(wave), fourier_magnitude(padded, 8))


def test_beat_chroma_as_in_the_paper() -> None:
    chroma = torch.rand(12, 500, generator=torch.Generator().manual_seed(0))
    beats = beat_synchronous(
        chroma, torch.arange(500) * 0.02, [0.1 * i for i in range(1, 91)]
    )
    patches = fourier_magnitude(beats**1.96)
    assert patches.shape == (12, 38, 15)
    np.testing.assert_allclose(
        median(patches), np.median(patches.numpy(), axis=-1), rtol=1e-6
    )
    np.testing.assert_allclose(
        median(patches[..., :4]),
        np.median(patches[..., :4].numpy(), axis=-1),
        rtol=1e-6,
    )
