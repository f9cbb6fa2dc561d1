"""SI-SDR, L1 and cosine of waveforms against their formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.losses import cosine_loss, losses, si_sdr_loss, waveform_l1


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def naive_si_sdr(estimate: np.ndarray, reference: np.ndarray) -> float:
    estimate = estimate - estimate.mean()
    reference = reference - reference.mean()
    target = (estimate @ reference) / (reference @ reference) * reference
    return 10 * np.log10(
        (target @ target) / ((estimate - target) @ (estimate - target))
    )


def test_si_sdr_by_its_formula() -> None:
    estimate = noise(3, 2, 50)
    reference = estimate + noise(3, 2, 50, seed=1) + 0.3
    each = [
        naive_si_sdr(estimate[b, c].numpy(), reference[b, c].numpy())
        for b in range(3)
        for c in range(2)
    ]
    found = si_sdr_loss(estimate, reference)
    assert float(found) == pytest.approx(-np.mean(each), abs=1e-6)


@given(st.floats(1e-3, 1e3), st.integers(2, 60), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_si_sdr_is_blind_to_scale_and_offset(gain: float, n: int, seed: int) -> None:
    estimate = noise(1, 1, n, seed=seed)
    reference = noise(1, 1, n, seed=seed + 1)
    found = float(si_sdr_loss(gain * estimate + 0.1, reference))
    assert found == pytest.approx(float(si_sdr_loss(estimate, reference)), abs=1e-5)
    assert -80.1 <= found <= 80.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_si_sdr_is_finite_where_a_side_is_silent_or_equal(dtype: torch.dtype) -> None:
    wave = noise(1, 1, 20).to(dtype)
    silence = torch.zeros(1, 1, 20, dtype=dtype)
    expected = {"silent reference": 0.0, "both": 0.0, "equal": -80.0}
    pairs = {
        "silent reference": (wave, silence),
        "both": (silence, silence),
        "silent estimate": (silence, wave),
        "equal": (wave, wave),
    }
    for name, (one, other) in pairs.items():
        estimate = one.clone().requires_grad_()
        value = si_sdr_loss(estimate, other)
        value.backward()
        assert value.isfinite(), name
        assert estimate.grad is not None
        assert estimate.grad.isfinite().all(), name
        if name in expected:
            assert value.item() == pytest.approx(expected[name], abs=0.1), name


def test_waveform_l1_and_cosine_by_their_formulas() -> None:
    one, other = noise(2, 3, 7), noise(2, 3, 7, seed=1)
    difference = (one - other).abs().mean()
    assert float(waveform_l1(one, other)) == pytest.approx(float(difference))
    a, b = one.flatten(1).numpy(), other.flatten(1).numpy()
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert float(cosine_loss(one, other)) == pytest.approx(1 - cosines.mean())
    assert float(cosine_loss(torch.zeros(1, 2), torch.ones(1, 2))) == 1.0


@pytest.mark.parametrize("loss", [waveform_l1, si_sdr_loss, cosine_loss])
def test_two_shapes_are_refused(loss: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"\(2, 1, 5\) and .*\(2, 1, 1\)"):
        loss(torch.zeros(2, 1, 5), torch.zeros(2, 1, 1))


def test_the_losses_are_known_by_name() -> None:
    assert {
        "compressed_magnitude",
        "cosine",
        "feature_matching",
        "gradient_penalty",
        "hinge_discriminator",
        "hinge_generator",
        "multi_resolution_stft",
        "multi_scale_mel",
        "si_sdr",
        "wasserstein_critic",
        "waveform_l1",
    } <= losses().keys()
