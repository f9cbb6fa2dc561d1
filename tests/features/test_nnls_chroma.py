"""The feature `nnls_chroma`: its solver against scipy, its notes, its times, its tuning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.optimize import nnls
from torch import Tensor

from mirbricks.features.nnls_chroma import (
    NNLSChromaFeature,
    NNLSChromaFeatureConfig,
    log_spectrum,
    note_profiles,
    note_spectra,
)
from mirbricks.features.nonnegative import nonnegative_least_squares

SR_HZ = 44100


def tones(midis: list[float], seconds: float = 1.5, start_s: float = 0.0) -> Tensor:
    """(1, N) harmonic tones that all begin at start_s."""
    t = torch.arange(int(seconds * SR_HZ), dtype=torch.float64) / SR_HZ
    wave = torch.zeros_like(t)
    for midi in midis:
        hz = 440 * 2 ** ((midi - 69) / 12)
        wave += sum(
            (0.1 * 0.6**k * torch.sin(2 * torch.pi * hz * k * t) for k in range(1, 8)),
            torch.zeros(1),
        )
    return ((t >= start_s) * wave).float()[None]


@pytest.fixture(scope="module")
def transform() -> NNLSChromaFeature:
    return NNLSChromaFeature(NNLSChromaFeatureConfig())


@pytest.mark.parametrize("seed", range(3))
def test_the_solver_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dictionary = note_spectra().numpy()
    values = np.maximum(rng.normal(size=(2, len(dictionary), 5)), 0)
    found = nonnegative_least_squares(
        torch.from_numpy(dictionary), torch.from_numpy(values), 300
    ).numpy()
    expected = np.stack(
        [[nnls(dictionary, column)[0] for column in part.T] for part in values]
    ).swapaxes(1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    quick = nonnegative_least_squares(
        torch.from_numpy(dictionary).float(), torch.from_numpy(values).float()
    )
    np.testing.assert_allclose(quick.numpy(), expected, atol=2e-3)


def test_the_matrices_are_what_they_say() -> None:
    notes = note_spectra()
    assert (notes.argmax(dim=0) == 2 + 3 * torch.arange(84)).all()
    torch.testing.assert_close(
        notes[2 + 36, 0], torch.tensor(0.7, dtype=torch.float64)
    )  # the octave
    spectrum = log_spectrum(SR_HZ, 16384)
    torch.testing.assert_close(
        spectrum.sum(dim=0), torch.ones(254, dtype=torch.float64)
    )
    line = 440 * 16384 / SR_HZ
    centre = (spectrum[:, 2 + 3 * 48] * torch.arange(8193)).sum()
    assert float(centre) == pytest.approx(line, abs=0.02)
    bass, treble = note_profiles().split(12)
    assert (bass[:, 37:] == 0).all()
    assert float(bass.sum(dim=0)[0]) == pytest.approx(0.001769, abs=1e-5)
    assert float(treble.sum(dim=0)[0]) == pytest.approx(0.000350, abs=1e-5)
    assert (treble.sum(dim=0) > 0).all()
    assert bass[0, 3] > 0  # C1 is C
    assert bass[:, 3].count_nonzero() == 1


@pytest.mark.parametrize("cents", [0, -30, 40])
def test_a_chord_over_its_bass(transform: NNLSChromaFeature, cents: int) -> None:
    """C2 below a minor; out of tune as a whole."""
    midis = [36, 57, 60, 64, 69]
    chroma = transform(tones([midi + cents / 100 for midi in midis]))[0, :, 3:-3].mean(
        dim=1
    )
    assert int(chroma[:12].argmax()) == 0
    assert sorted(chroma[12:].topk(3).indices.tolist()) == [0, 4, 9]
    assert chroma[12:].topk(4).values[-1] < 0.2 * chroma[12:].max()


def test_the_tuning_that_is_given_is_taken() -> None:
    wave = tones([57.3, 61.3, 64.3])
    estimated = NNLSChromaFeature(NNLSChromaFeatureConfig())(wave)
    given = NNLSChromaFeature(NNLSChromaFeatureConfig(tuning_semitones=0.3))(wave)
    assert (estimated - given).abs().max() < 0.1 * estimated.max()
    wrong = NNLSChromaFeature(NNLSChromaFeatureConfig(tuning_semitones=-0.5))(wave)
    assert (estimated - wrong).abs().max() > 0.3 * estimated.max()


def test_frames_are_those_of_the_billboard_corpus(transform: NNLSChromaFeature) -> None:
    config = transform.config
    assert config.hop_s == pytest.approx(0.09287981859410431, abs=1e-12)
    assert config.t0_s == pytest.approx(0.13931972789115646, abs=1e-12)
    times_s = transform.frame_times_s(transform.n_frames(3 * SR_HZ))
    assert float(times_s[-1]) < 3 <= float(times_s[-1]) + config.hop_s
    chroma = transform(
        tones([60], 3.0, start_s=1.5)
        + tones([65], 3.0) * (torch.arange(3 * SR_HZ) < 1.5 * SR_HZ)
    )[0]
    changes = (chroma[12] > chroma[12 + 5]).int()
    assert changes.diff().abs().sum() == 1
    assert float(times_s[changes.argmax()]) == pytest.approx(1.5, abs=config.hop_s)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"hop_length": 4098},
            "hop_length 4098 must be a multiple of 4, and n_fft 16384 of 2",
        ),
        (
            {"n_fft": 1023},
            "hop_length 4096 must be a multiple of 4, and n_fft 1023 of 2",
        ),
        ({"first_samples": 1000}, "first_samples 1000 is not in 1024 ... 9216"),
        ({"n_fft": 4096}, "first_samples 6144 is not in 1024 ... 3072"),
    ],
)
def test_frames_that_cannot_be(settings: dict[str, int], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        NNLSChromaFeatureConfig(**settings)
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {text}"]
