"""Mixture consistency and Wiener filters, beside their formulas and beside norbert."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.metrics import joint_si_sdr_db
from mirbricks.tasks.separation import postprocess
from mirbricks.tasks.separation.postprocess import (
    sum_to_mix,
    wiener,
    wiener_spectra,
    with_rest,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def spectra(*shape: int, seed: int = 0) -> Tensor:
    return torch.complex(noise(*shape, seed=seed), noise(*shape, seed=seed + 1))


def test_equal_shares_are_the_nearest_estimates_that_sum_to_the_mix() -> None:
    estimates = noise(3, 2, 50)
    mix = noise(2, 50, seed=1)
    found = sum_to_mix(estimates, mix)
    torch.testing.assert_close(found.sum(0), mix)
    # A projection: the change is orthogonal to all that leaves the sum as it is.
    free = noise(3, 2, 50, seed=2)
    free -= free.mean(0)
    assert float(((found - estimates) * free).sum()) == pytest.approx(0, abs=1e-9)
    torch.testing.assert_close(sum_to_mix(found, mix), found)


def test_equal_shares_treat_every_sample_by_itself() -> None:
    estimates = noise(3, 2, 50)
    mix = noise(2, 50, seed=1)
    parts = [
        sum_to_mix(estimates[..., part], mix[..., part])
        for part in (slice(0, 7), slice(7, 50))
    ]
    torch.testing.assert_close(torch.cat(parts, dim=2), sum_to_mix(estimates, mix))


def test_shares_by_energy_leave_silence_silent() -> None:
    estimates = noise(3, 2, 50)
    estimates[1] = 0
    estimates[2] = 2 * estimates[0]
    mix = noise(2, 50, seed=1)
    found = sum_to_mix(estimates, mix, "energy")
    torch.testing.assert_close(found.sum(0), mix)
    assert not found[1].any()
    residual = mix - estimates.sum(0)
    torch.testing.assert_close(found[0] - estimates[0], residual / 5)
    # Nothing sounds: none has more of it than another.
    silent = sum_to_mix(torch.zeros_like(estimates), mix, "energy")
    torch.testing.assert_close(silent, (mix / 3).expand(3, 2, 50))


def test_the_rest_is_what_no_estimate_has() -> None:
    estimates = noise(3, 2, 50)
    mix = noise(2, 50, seed=1)
    found = with_rest(estimates, mix)
    assert torch.equal(found[:3], estimates)
    torch.testing.assert_close(found.sum(0), mix)


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_equals_norbert(n_channels: int, iterations: int) -> None:
    norbert = pytest.importorskip("norbert")
    initial = spectra(3, n_channels, 6, 11)
    mix = 40 * spectra(n_channels, 6, 11, seed=5)
    found = wiener_spectra(initial, mix, iterations)

    # There frames come first and sources last; the mix is changed in place, and the scale is taken off outside.
    x = mix.permute(2, 1, 0).numpy().copy()
    y = initial.permute(3, 2, 1, 0).numpy().copy()
    level = max(1, np.abs(x).max() / 10)
    wanted = y
    if iterations:
        wanted = norbert.expectation_maximization(y / level, x / level, iterations)[0]
        wanted = wanted * level
    np.testing.assert_allclose(found.permute(3, 2, 1, 0), wanted, rtol=0, atol=1e-6)


def test_is_the_filter_of_least_error_of_its_own_model() -> None:
    """By full covariance matrices, one bin and frame after another."""
    initial = spectra(2, 2, 3, 4)
    mix = spectra(2, 3, 4, seed=7)
    found = wiener_spectra(initial, mix, 1)
    for f in range(3):
        powers = initial[:, :, f].abs().square().mean(1)
        own = [
            sum(torch.outer(y[:, t], y[:, t].conj()) for t in range(4)) / power.sum()
            for y, power in zip(initial[:, :, f], powers, strict=True)
        ]
        for t in range(4):
            total = powers[0, t] * own[0] + powers[1, t] * own[1]
            for source in range(2):
                gain = powers[source, t] * own[source] @ torch.linalg.inv(total)
                wanted = gain @ mix[:, f, t]
                torch.testing.assert_close(
                    found[source, :, f, t], wanted, rtol=0, atol=1e-5
                )


def test_of_mono_spectra_the_powers_decide() -> None:
    initial = spectra(3, 1, 5, 8)
    mix = spectra(1, 5, 8, seed=3)
    powers = initial.abs().square()
    wanted = powers / powers.sum(0) * mix
    found = wiener_spectra(initial, mix)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_of_waves_sums_to_the_mix_and_takes_noise_off_the_estimates() -> None:
    # Two noises, one left and one right, and estimates with noise of their own, which is not in the mix.
    left, right = noise(2, 12_000)
    ramp = torch.linspace(0, 1, 12_000)
    stems = torch.stack(
        [
            torch.stack([left, 0.3 * left]) * ramp,
            torch.stack([0.2 * right, right]) * (1 - ramp),
        ]
    )
    mix = stems.sum(0)
    estimates = stems + 0.2 * noise(2, 2, 12_000, seed=3)
    found = wiener(estimates, mix, n_fft=512, hop_length=128)
    assert found.shape == estimates.shape
    torch.testing.assert_close(found.sum(0), mix, rtol=0, atol=1e-3)
    for ours, before, wanted in zip(found, estimates, stems, strict=True):
        assert joint_si_sdr_db(ours, wanted) > joint_si_sdr_db(before, wanted) + 3

    single = wiener(estimates.float(), mix.float(), n_fft=512, hop_length=128)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), found, rtol=0, atol=1e-4)


def test_silence_stays_silence() -> None:
    found = wiener(torch.zeros(2, 1, 3000), torch.zeros(1, 3000), n_fft=512, hop_length=128)  # fmt: skip
    assert found.shape == (2, 1, 3000)
    assert not found.any()


def test_refuses_what_does_not_belong_together() -> None:
    for function in (sum_to_mix, with_rest, wiener):
        with pytest.raises(ValueError, match=r"got \(3, 2, 50\) and \(2, 49\)"):
            function(noise(3, 2, 50), noise(2, 49))
    with pytest.raises(ValueError, match="'equal' or 'energy', got 'loud'"):
        sum_to_mix(noise(3, 2, 50), noise(2, 50), "loud")
    with pytest.raises(ValueError, match="a hop of 1 to 32 samples for windows of 64"):
        wiener(noise(3, 2, 50), noise(2, 50), n_fft=64, hop_length=33)
    with pytest.raises(ValueError, match="iterations of at least 0"):
        wiener_spectra(spectra(2, 1, 3, 4), spectra(1, 3, 4), -1)


def test_the_examples_run() -> None:
    found = doctest.testmod(postprocess)
    assert found.attempted
    assert not found.failed
