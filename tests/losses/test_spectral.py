"""Losses of spectra against transforms written out in NumPy and librosa, on short and silent signals too."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from types import ModuleType

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mirbricks.losses import adversarial, spectral, waveform
from mirbricks.losses.spectral import (
    MultiResolutionSTFT,
    MultiScaleMel,
    compressed_magnitude,
)

Array = NDArray[np.float64]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def naive_power(wave: Array, n_fft: int, hop: int, win: int) -> Array:
    """|STFT|² (T, F) of one signal, frame by frame."""
    window = np.zeros(n_fft)
    left = (n_fft - win) // 2
    window[left : left + win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    padded = np.pad(wave, n_fft)
    frames = []
    for t in range(1 + len(wave) // hop):
        start = n_fft + t * hop - n_fft // 2
        frames.append(np.fft.rfft(window * padded[start : start + n_fft]))
    return np.abs(np.stack(frames)) ** 2


def naive_stft_loss(
    estimate: Array, reference: Array, sizes: list[tuple[int, int, int]]
) -> float:
    losses = []
    for size in sizes:
        ours, wanted = (
            np.sqrt(np.maximum(naive_power(wave, *size), 1e-7))
            for wave in (estimate, reference)
        )
        convergence = np.sqrt(((ours - wanted) ** 2).sum() / (wanted**2).sum())
        losses.append(convergence + np.abs(np.log(ours) - np.log(wanted)).mean())
    return float(np.mean(losses))


@pytest.mark.parametrize("n_samples", [1, 63, 700])
def test_multi_resolution_stft_by_its_formula(n_samples: int) -> None:
    sizes = [(64, 16, 48), (128, 20, 128)]
    n_ffts, hops, wins = zip(*sizes, strict=True)
    loss = MultiResolutionSTFT(n_ffts, hops, wins).double()
    estimate = noise(2, 2, n_samples, seed=1)
    reference = noise(2, 2, n_samples, seed=2)
    expected = np.mean(
        [
            naive_stft_loss(estimate[b, c].numpy(), reference[b, c].numpy(), sizes)
            for b in range(2)
            for c in range(2)
        ]
    )
    assert float(loss(estimate, reference)) == pytest.approx(expected, abs=1e-6)


def naive_log_mel(wave: Array, length: int, filters: Array) -> Array:
    magnitude = np.sqrt(naive_power(wave, length, length // 4, length))
    return np.log10(np.maximum(filters @ magnitude.T, 1e-5))


@pytest.mark.parametrize("n_samples", [1, 300])
def test_multi_scale_mel_by_librosa(n_samples: int) -> None:
    loss = MultiScaleMel(8000, (64, 256), (10, 20))
    estimate = noise(2, 1, n_samples, seed=1)
    reference = noise(2, 1, n_samples, seed=2)
    expected = []
    for length, bands in ((64, 10), (256, 20)):
        filters = librosa.filters.mel(sr=8000, n_fft=length, n_mels=bands)
        assert (filters.sum(axis=1) > 0).all()
        for b in range(2):
            ours, wanted = (
                naive_log_mel(wave[b, 0].numpy(), length, filters)
                for wave in (estimate, reference)
            )
            expected.append(np.abs(ours - wanted).mean())
    assert float(loss(estimate, reference)) == pytest.approx(
        float(np.mean(expected)), rel=1e-5
    )


def test_mel_bands_without_a_bin_are_left_out() -> None:
    loss = MultiScaleMel(44100, (2048,), (640,))
    filters = loss.get_buffer("filters0")
    assert 0 < len(filters) < 640
    assert (filters.sum(dim=1) > 0).all()


@pytest.mark.parametrize(
    "loss", [MultiResolutionSTFT((64,), (16,), (64,)), MultiScaleMel(8000, (64,), (8,))]
)
@pytest.mark.parametrize("n_samples", [1, 5, 200])
def test_gradients_are_finite_on_silence_and_on_what_is_equal(
    loss: torch.nn.Module, n_samples: int
) -> None:
    wave = noise(1, 1, n_samples).float()
    silence = torch.zeros(1, 1, n_samples)
    for one, other in (
        (silence, wave),
        (wave, silence),
        (silence, silence),
        (wave, wave),
    ):
        estimate = one.clone().requires_grad_()
        value = loss(estimate, other)
        value.backward()
        assert value.isfinite()
        assert estimate.grad is not None
        assert estimate.grad.isfinite().all()
    assert float(loss(wave, wave)) == 0.0


@given(st.integers(1, 400), st.floats(1e-6, 1e3), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_each_signal_counts_by_itself(n_samples: int, gain: float, seed: int) -> None:
    loss = MultiResolutionSTFT((64, 32), (16, 8), (64, 20)).double()
    estimate = noise(3, 1, n_samples, seed=seed)
    reference = gain * noise(3, 1, n_samples, seed=seed + 1)
    alone = [loss(estimate[i : i + 1], reference[i : i + 1]) for i in range(3)]
    together = float(loss(estimate, reference))
    assert together >= 0
    assert together == pytest.approx(float(torch.stack(alone).mean()), rel=1e-9)


def test_a_silent_reference_has_no_spectral_convergence() -> None:
    loss = MultiResolutionSTFT((64,), (16,), (64,))
    convergence, log_distance = loss.terms(
        torch.ones(1, 1, 100), torch.zeros(1, 1, 100)
    )
    assert convergence.item() == 0
    assert log_distance.item() > 1


def test_bfloat16_is_computed_in_float32() -> None:
    loss = MultiResolutionSTFT((64,), (16,), (64,))
    one, other = noise(1, 1, 100).bfloat16(), noise(1, 1, 100, seed=1).bfloat16()
    assert loss(one, other) == loss(one.float(), other.float())


@pytest.mark.parametrize("make", [MultiResolutionSTFT, lambda: MultiScaleMel(16000)])
def test_nothing_is_saved_or_trained(make: Callable[[], torch.nn.Module]) -> None:
    loss = make()
    assert not loss.state_dict()
    assert not list(loss.parameters())


def test_what_does_not_fit_is_refused() -> None:
    loss = MultiResolutionSTFT()
    with pytest.raises(
        ValueError, match=r"\(1, 1, 5\) and reference \(1, 1, 4\) differ"
    ):
        loss(torch.zeros(1, 1, 5), torch.zeros(1, 1, 4))
    with pytest.raises(ValueError, match=r"at least one sample, got \(1, 1, 0\)"):
        loss(torch.zeros(1, 1, 0), torch.zeros(1, 1, 0))
    with pytest.raises(ValueError, match=r"waveforms \(B, C, N\)"):
        loss(torch.zeros(1, 5), torch.zeros(1, 5))
    with pytest.raises(ValueError, match="got 2, 1 and 1"):
        MultiResolutionSTFT((64, 32), (16,), (64,))
    with pytest.raises(ValueError, match="win_length 65 is larger than n_fft 64"):
        MultiResolutionSTFT((64,), (16,), (65,))
    with pytest.raises(ValueError, match="one value for each scale, got 2 and 1"):
        MultiScaleMel(8000, (64, 128), (8,))
    with pytest.raises(ValueError, match="between 0 and 4000 Hz"):
        MultiScaleMel(8000, fmax_hz=4001)
    with pytest.raises(ValueError, match="no bin of a transform of 64 samples"):
        MultiScaleMel(8000, (64,), (8,), fmin_hz=130, fmax_hz=240)
    with pytest.raises(ValueError, match="2 samples has no hop"):
        MultiScaleMel(8000, (2,), (8,))


@pytest.mark.parametrize("power", [1, 2])
def test_compressed_magnitude_by_its_formula(power: int) -> None:
    one, other = (
        torch.view_as_complex(noise(2, 3, 4, 2, seed=seed)) for seed in (0, 1)
    )
    difference = np.abs(one.numpy()) ** 0.3 - np.abs(other.numpy()) ** 0.3
    expected = (np.abs(difference) ** power).mean()
    found = compressed_magnitude(one, other, power=power)
    assert float(found) == pytest.approx(expected, rel=1e-9)
    # Where a magnitude is 0 the gradient must still be finite.
    zero = torch.zeros(2, requires_grad=True)
    compressed_magnitude(zero, torch.ones(2), power=power).backward()
    assert zero.grad is not None
    assert zero.grad.isfinite().all()


def test_compressed_magnitude_refuses_what_has_no_meaning() -> None:
    one = torch.ones(2)
    with pytest.raises(ValueError, match="differ in shape"):
        compressed_magnitude(one, torch.ones(3))
    with pytest.raises(ValueError, match=r"up to 1, got 1\.5"):
        compressed_magnitude(one, one, exponent=1.5)
    with pytest.raises(ValueError, match="power 1"):
        compressed_magnitude(one, one, power=3)


@pytest.mark.parametrize("module", [adversarial, spectral, waveform])
def test_the_examples_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
