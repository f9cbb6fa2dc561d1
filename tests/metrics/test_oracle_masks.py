"""Ideal masks and combs: their definitions, their blocks, and the yardsticks of Bach10."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.data import Corpus
from mirbricks.metrics import (
    binary_mask,
    comb_estimates,
    oracle_estimates,
    oracle_masks,
    ratio_mask,
    si_sdr_db,
    wiener_mask,
)

SR_HZ = 8000


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("make", [ratio_mask, wiener_mask, binary_mask])
def test_masks_sum_to_one_even_where_all_is_silent(make) -> None:
    magnitudes = noise(3, 2, 5, 7).abs()
    magnitudes[:, :, 2] = 0
    masks = make(magnitudes)
    assert masks.shape == magnitudes.shape
    assert (masks >= 0).all()
    torch.testing.assert_close(masks.sum(0), torch.ones_like(masks[0]))


@pytest.mark.parametrize("kind", ["ratio", "binary", "wiener"])
@pytest.mark.parametrize("shape", [(3001,), (2, 3001)])
def test_estimates_equal_one_transform_of_all(
    kind: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stems = noise(3, *shape)
    mix = stems.sum(0)
    window = torch.hann_window(256, dtype=torch.float64)

    def spectrum(wave: Tensor) -> Tensor:
        # Silence around it, so that the ends too lie under as many windows as the middle.
        flat = torch.nn.functional.pad(wave.reshape(-1, 3001), (300, 300))
        return torch.stft(
            flat, 256, 100, window=window, pad_mode="constant", return_complex=True
        )

    # The definitions by hand, on the whole signal at once.
    magnitudes = torch.stack([spectrum(stem).abs() for stem in stems])
    if kind == "ratio":
        masks = magnitudes / magnitudes.sum(0)
    elif kind == "wiener":
        masks = magnitudes.square() / magnitudes.square().sum(0)
    else:
        masks = (magnitudes == magnitudes.amax(0)).double()
    padded = [
        torch.istft(mask * spectrum(mix), 256, 100, window=window, length=3601)
        for mask in masks
    ]
    wanted = torch.stack(padded)[..., 300:-300].reshape(3, *shape)

    whole = oracle_estimates(mix, stems, kind, n_fft=256, hop_length=100)
    torch.testing.assert_close(whole, wanted, rtol=0, atol=1e-9)
    # Blocks of five frames: nothing of their ends may be heard.
    monkeypatch.setattr(oracle_masks, "BLOCK_SAMPLES", 500)
    blocks = oracle_estimates(mix, stems, kind, n_fft=256, hop_length=100)
    torch.testing.assert_close(blocks, wanted, rtol=0, atol=1e-9)


def test_combs_part_two_tones_and_give_silence_to_a_silent_voice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time_s = torch.arange(2 * SR_HZ, dtype=torch.float64) / SR_HZ
    low = sum((2 * torch.pi * 220 * k * time_s).sin() / k for k in range(1, 6))
    high = sum((2 * torch.pi * 313 * k * time_s).sin() / k for k in range(1, 6))
    frames = 2 * SR_HZ // 512 + 1
    f0_hz = np.array([[220.0] * frames, [313.0] * frames, [0.0] * frames])
    found = comb_estimates(low + high, f0_hz, SR_HZ, n_fft=2048, hop_length=512)
    assert si_sdr_db(found[0], low) > 20
    assert si_sdr_db(found[1], high) > 20
    assert not found[2].any()

    # Stereo and blocks change nothing.
    monkeypatch.setattr(oracle_masks, "BLOCK_SAMPLES", 2048)
    stereo = torch.stack([low + high, -(low + high)])
    again = comb_estimates(stereo, f0_hz, SR_HZ, n_fft=2048, hop_length=512)
    torch.testing.assert_close(again[:, 0], found, rtol=0, atol=1e-9)
    torch.testing.assert_close(again[:, 1], -found, rtol=0, atol=1e-9)


def test_refuses_what_does_not_belong_together() -> None:
    with pytest.raises(ValueError, match=r"got \(9,\) and \(2, 8\)"):
        oracle_estimates(noise(9), noise(2, 8))
    with pytest.raises(ValueError, match="out of ratio, binary, wiener, got 'rtio'"):
        oracle_estimates(noise(9), noise(2, 9), "rtio")
    with pytest.raises(ValueError, match="a hop of 1 to 4 samples for windows of 8"):
        oracle_estimates(noise(9), noise(2, 9), n_fft=8, hop_length=5)
    with pytest.raises(ValueError, match=r"frequencies \(S, T\), got \(9,\) and \(3,"):
        comb_estimates(noise(9), [440.0, 0.0, 0.0], SR_HZ)


def yardsticks(corpus: Path, n_pieces: int) -> dict[str, float]:
    """Mean SI-SDR in dB over the four stems of the first pieces."""
    items = Corpus.open(corpus).items
    mixes = [item for item in items if item.stem_of is None][:n_pieces]
    found: dict[str, list[float]] = {"mix": [], "ratio": [], "wiener": []}
    for mix in mixes:
        stems = [item for item in items if item.stem_of == mix.key]
        assert len(stems) == 4
        wave = torch.from_numpy(mix.read()[0])
        references = torch.stack([torch.from_numpy(stem.read()[0]) for stem in stems])
        found["mix"] += [si_sdr_db(wave, reference) for reference in references]
        for kind in ("ratio", "wiener"):
            estimates = oracle_estimates(wave, references, kind)
            pairs = zip(estimates, references, strict=True)
            found[kind] += [si_sdr_db(*pair) for pair in pairs]
    return {name: float(np.mean(ratios)) for name, ratios in found.items()}


@pytest.mark.slow
def test_yardsticks_of_bach10(bach10: Path) -> None:
    """Measured independently on the first five pieces: mix -4.7, ratio mask 9.9, Wiener mask 10.8 dB."""
    found = yardsticks(bach10, 5)
    assert found == pytest.approx({"mix": -4.7, "ratio": 9.9, "wiener": 10.8}, abs=0.2)


def test_yardsticks_of_one_chorale(bach10: Path) -> None:
    """As torch.stft of the whole piece gives them."""
    found = yardsticks(bach10, 1)
    wanted = {"mix": -4.81, "ratio": 10.29, "wiener": 11.25}
    assert found == pytest.approx(wanted, abs=0.02)


def test_the_examples_run() -> None:
    found = doctest.testmod(oracle_masks)
    assert found.attempted
    assert not found.failed
