"""Figures of reconstructed sounds against formulas, librosa and the losses of the same name."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.losses import MultiResolutionSTFT
from mirbricks.metrics import (
    ReconstructionFigures,
    log_mel_distance_db,
    reconstruction,
    si_sdr_db,
    stft_distance,
)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@given(
    st.integers(0, 10**6), st.integers(3, 80), st.floats(-3, 3), st.floats(1e-3, 1e3)
)
@settings(deadline=None)
def test_si_sdr_is_the_ratio_of_orthogonal_parts(
    seed: int, n: int, decades: float, gain: float
) -> None:
    rng = np.random.default_rng(seed)
    reference, other = rng.normal(size=(2, n))
    reference -= reference.mean()
    other -= other.mean()
    other -= (other @ reference) / (reference @ reference) * reference
    if np.linalg.norm(other) < 1e-3:
        return
    # Two orthogonal parts, whose energies stand in a ratio that is known.
    other *= np.linalg.norm(reference) / np.linalg.norm(other) * 10**decades
    found = si_sdr_db(gain * (reference + other) + 0.5, reference)
    assert found == pytest.approx(-20 * decades, abs=1e-6)


def test_silent_references_are_counted_and_never_averaged_in() -> None:
    figures = ReconstructionFigures(sr_hz=8000)
    wave = noise(500)
    figures.add(wave + 0.1 * noise(500, seed=1), wave)
    alone = figures.figures()["si_sdr_db"]
    for silence in (np.zeros(500), np.full(500, 0.3)):
        assert si_sdr_db(wave, silence) is None
        assert "si_sdr_db" not in figures.add(wave, silence)
    assert figures.figures()["si_sdr_db"] == alone
    assert figures.figures()["silent_references"] == 2
    # A silent channel neither.
    both = si_sdr_db(np.stack([wave, wave]), np.stack([wave + 1, np.zeros(500)]))
    assert both == si_sdr_db(wave, wave + 1)


def test_extremes_are_held_and_nothing_is_nan() -> None:
    wave = noise(100)
    assert si_sdr_db(wave, wave) == 120.0
    assert si_sdr_db(np.zeros(100), wave) == -120.0
    empty = ReconstructionFigures(8000).figures()
    assert np.isnan(empty["si_sdr_db"])
    assert empty["silent_references"] == 0


@pytest.mark.parametrize("n_samples", [1, 100, 3000])
@pytest.mark.parametrize("block", [3, 4096])
def test_stft_distance_is_the_loss(
    n_samples: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "BLOCK_FRAMES", block)
    one, other = noise(2, n_samples), noise(2, n_samples, seed=1)
    other[1] = 0
    expected = MultiResolutionSTFT().double()(
        *(torch.as_tensor(w)[None] for w in (one, other))
    )
    assert stft_distance(one, other) == pytest.approx(float(expected), rel=1e-6)
    assert stft_distance(one, one) == 0


@pytest.mark.parametrize("block", [3, 4096])
def test_log_mel_distance_by_librosa(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "BLOCK_FRAMES", block)
    one, other = noise(4000), 0.01 * noise(4000, seed=1)
    mels = [
        librosa.feature.melspectrogram(
            y=wave,
            sr=16000,
            n_fft=1024,
            hop_length=256,
            n_mels=80,
            power=1.0,
            pad_mode="constant",
        )
        for wave in (one, other)
    ]
    ours, wanted = (np.log10(np.maximum(mel, 1e-5)) for mel in mels)
    expected = 20 * np.abs(ours - wanted).mean()
    assert log_mel_distance_db(one, other, 16000) == pytest.approx(expected, rel=1e-5)


def at_8_khz(estimate: list[float], reference: list[float]) -> float:
    return log_mel_distance_db(estimate, reference, 8000)


@pytest.mark.parametrize("figure", [si_sdr_db, stft_distance, at_8_khz])
def test_what_does_not_fit_is_refused(figure: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match=r"\(3,\) and reference \(2,\) differ"):
        figure([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="at least one sample"):
        figure([], [])
    with pytest.raises(ValueError, match="not finite"):
        figure([1.0, float("nan")], [1.0, 2.0])


def test_the_examples_run() -> None:
    found = doctest.testmod(reconstruction)
    assert found.attempted
    assert not found.failed
