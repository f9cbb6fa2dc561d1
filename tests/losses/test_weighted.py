"""Several losses at once: each is what the loss of its name gives, times its weight."""

from __future__ import annotations

import doctest
import importlib

import pytest
import torch

from mirbricks.losses import (
    MultiResolutionSTFT,
    WeightedLosses,
    compressed_magnitude,
    cosine_loss,
    si_sdr_loss,
    snr_loss,
)

WAVES = torch.randn(2, 3, 2, 5000, generator=torch.Generator().manual_seed(0))


def test_the_examples_run() -> None:
    for name in ("weighted", "waveform"):
        results = doctest.testmod(importlib.import_module(f"mirbricks.losses.{name}"))
        assert results.attempted > 0
        assert results.failed == 0


def test_every_part_is_its_loss_times_its_weight() -> None:
    ours, wanted = WAVES
    window = torch.hann_window(512)
    spectra = [
        torch.stft(
            wave.flatten(0, 1), 512, 128, window=window, pad_mode="constant",
            return_complex=True,
        ).abs()
        for wave in (ours, wanted)
    ]  # fmt: skip
    expected = {
        "l1": (ours - wanted).abs().mean(),
        "l2": (ours - wanted).square().mean(),
        "snr": snr_loss(ours, wanted),
        "si_sdr": si_sdr_loss(ours, wanted),
        "cosine": cosine_loss(ours, wanted),
        "magnitude": compressed_magnitude(*spectra, 0.5),
        "stft": MultiResolutionSTFT()(ours, wanted),
    }
    weights = {name: float(place) for place, name in enumerate(expected, 2)}
    losses = WeightedLosses(weights, 8000, exponent=0.5, n_fft=512)
    found = losses.parts(ours, wanted)
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], weights[name] * value)


def test_snr_keeps_the_level_and_si_sdr_does_not() -> None:
    _, wanted = WAVES
    assert float(snr_loss(wanted, wanted)) == pytest.approx(-30.0, abs=0.01)
    assert float(snr_loss(wanted / 2, wanted)) == pytest.approx(-6.02, abs=0.02)
    assert float(si_sdr_loss(wanted / 2, wanted)) < -70


def test_parts_of_silence_have_finite_gradients() -> None:
    names = ("l1", "l2", "snr", "si_sdr", "cosine", "magnitude", "stft")
    losses = WeightedLosses(dict.fromkeys(names, 1.0), 8000)
    for ours in (torch.zeros(1, 1, 5000), WAVES[0, :1, :1]):
        given = ours.clone().requires_grad_()
        total = torch.stack(list(losses.parts(given, torch.zeros(1, 1, 5000)).values()))
        total.sum().backward()
        assert given.grad is not None
        assert given.grad.isfinite().all()


def test_what_is_constant_is_not_saved() -> None:
    losses = WeightedLosses({"magnitude": 1.0, "stft": 1.0}, 8000)
    assert losses.state_dict() == {}
