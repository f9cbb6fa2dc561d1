"""Figures of separated tracks: each target against its own reference, silence counted and never averaged in."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.metrics import (
    SeparationFigures,
    bss_eval,
    joint_si_sdr_db,
    oracle_estimates,
    separation,
    si_sdr_db,
)

SR_HZ = 2000
TARGETS = ("violin", "bassoon")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def track(seed: int, n_channels: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    stems = noise(2, n_channels, 3 * SR_HZ, seed=seed)
    return stems.sum(axis=0), dict(zip(TARGETS, stems, strict=True))


def near(references: dict[str, np.ndarray], level: float) -> dict[str, np.ndarray]:
    return {
        name: wave + level * noise(*wave.shape, seed=9)
        for name, wave in references.items()
    }


@given(
    seed=st.integers(0, 10**6),
    n_samples=st.integers(3, 90),
    block=st.integers(1, 40),
    level=st.floats(1e-3, 1e3),
)
@settings(max_examples=60)
def test_si_sdr_of_one_channel_is_the_one_there_is(
    seed: int, n_samples: int, block: int, level: float
) -> None:
    reference = noise(n_samples, seed=seed)
    estimate = 3 * reference + level * noise(n_samples, seed=seed + 1) + 0.5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "BLOCK_SAMPLES", block)
        found = joint_si_sdr_db(estimate, reference)
    assert found == pytest.approx(si_sdr_db(estimate, reference), abs=1e-8)


def test_si_sdr_of_two_channels_has_one_gain() -> None:
    reference = noise(2, 4000)
    reference -= reference.mean(axis=1, keepdims=True)
    # Another gain per channel is an error of the image, which a ratio per channel would forgive.
    estimate = reference * [[1.0], [0.5]]
    assert si_sdr_db(estimate, reference) == 120
    energies = (reference**2).sum(axis=1)
    gain = (energies @ [1.0, 0.5]) / energies.sum()
    rest = energies @ [(1 - gain) ** 2, (0.5 - gain) ** 2]
    wanted = 10 * math.log10(gain**2 * energies.sum() / rest)
    assert joint_si_sdr_db(estimate, reference) == pytest.approx(wanted, abs=1e-9)
    # Both channels at any one gain, with an offset, are a perfect copy.
    assert joint_si_sdr_db(-0.3 * reference + 0.1, reference) == 120


def test_si_sdr_of_silence() -> None:
    wave = noise(2, 500)
    assert joint_si_sdr_db(wave, np.zeros((2, 500))) is None
    assert joint_si_sdr_db(wave, np.full((2, 500), 0.1)) is None
    assert joint_si_sdr_db(np.zeros((2, 500)), wave) == -120
    half = np.stack([wave[0], np.zeros(500)])
    assert joint_si_sdr_db(half, half) == 120
    with pytest.raises(ValueError, match=r"\(1, 500\) and reference \(2, 500\)"):
        joint_si_sdr_db(wave[0], wave)
    with pytest.raises(ValueError, match="not finite"):
        joint_si_sdr_db(wave, wave * np.nan)


def test_figures_of_a_track_and_of_all() -> None:
    figures = SeparationFigures(TARGETS, SR_HZ, bss=True)
    tracks = []
    for seed in (1, 2):
        mix, references = track(seed, n_channels=2)
        estimates = near(references, 0.1 * seed)
        found = figures.add(mix, references, estimates)
        tracks.append(found)
        masked = oracle_estimates(mix, np.stack(list(references.values())))
        frames = bss_eval(
            np.stack(list(references.values())),
            np.stack(list(estimates.values())),
            window=SR_HZ,
        )
        for place, name in enumerate(TARGETS):
            wave = references[name]
            own = found[name]
            assert own["si_sdr_db"] == joint_si_sdr_db(estimates[name], wave)
            assert own["si_sdr_mix_db"] == joint_si_sdr_db(mix, wave)
            assert own["si_sdr_improvement_db"] == pytest.approx(
                own["si_sdr_db"] - own["si_sdr_mix_db"]
            )
            wanted_db = joint_si_sdr_db(masked[place], wave)
            assert own["si_sdr_irm_db"] == pytest.approx(wanted_db, abs=1e-6)
            assert own["sar_db"] == frames.medians()["sar_db"][place]

    all_tracks = figures.figures()
    for name in TARGETS:
        own = [one[name] for one in tracks]
        mean = np.mean([one["si_sdr_db"] for one in own])
        median = np.median([one["sdr_db"] for one in own])
        assert all_tracks[f"si_sdr_db/{name}"] == pytest.approx(mean)
        assert all_tracks[f"sdr_db/{name}"] == pytest.approx(median)
    per_target = [all_tracks[f"si_sdr_db/{name}"] for name in TARGETS]
    assert all_tracks["si_sdr_db"] == pytest.approx(np.mean(per_target))
    assert all_tracks["silent_references"] == 0


def test_swapped_stems_are_seen() -> None:
    mix, references = track(0)
    right = SeparationFigures(TARGETS, SR_HZ)
    right.add(mix, references, near(references, 0.01))
    swapped = dict(zip(TARGETS, reversed(references.values()), strict=True))
    wrong = SeparationFigures(TARGETS, SR_HZ)
    wrong.add(mix, references, near(swapped, 0.01))
    for name in TARGETS:
        assert right.figures()[f"si_sdr_db/{name}"] > 35
        assert wrong.figures()[f"si_sdr_db/{name}"] < -25


@pytest.mark.parametrize("bss", [False, True])
def test_silent_references_are_counted_and_never_averaged_in(bss: bool) -> None:
    mix, references = track(1)
    alone = SeparationFigures(TARGETS, SR_HZ, bss=bss)
    alone.add(mix, references, near(references, 0.1))

    figures = SeparationFigures(TARGETS, SR_HZ, bss=bss)
    figures.add(mix, references, near(references, 0.1))
    silence = dict(references, bassoon=np.zeros_like(references["bassoon"]))
    found = figures.add(silence["violin"], silence, near(references, 0.1))
    assert set(found) == {"violin"}
    nothing = {name: np.zeros_like(wave) for name, wave in references.items()}
    assert figures.add(mix * 0, nothing, near(references, 0.1)) == {}

    assert figures.figures()["silent_references"] == 3
    assert figures.silent_references == {"violin": 1, "bassoon": 2}
    for key in figures.figures():
        if key.endswith("/bassoon"):
            assert figures.figures()[key] == alone.figures()[key], key


def test_no_track_has_no_figure() -> None:
    found = SeparationFigures(TARGETS, SR_HZ).figures()
    assert found.pop("silent_references") == 0
    assert set(found) >= {"si_sdr_db", "si_sdr_db/violin", "si_sdr_irm_db/bassoon"}
    assert all(math.isnan(value) for value in found.values())


def test_what_no_reference_holds_is_one_more_source_of_the_mask() -> None:
    # A mix of three, of which one is asked for: a mask that did not know of the others would be 1 everywhere.
    stems = noise(3, 3 * SR_HZ)
    figures = SeparationFigures(["violin"], SR_HZ)
    found = figures.add(
        torch.from_numpy(stems.sum(axis=0)), {"violin": stems[0]}, {"violin": stems[1]}
    )
    masked = oracle_estimates(
        stems.sum(axis=0), np.stack([stems[0], stems[1] + stems[2]])
    )
    wanted_db = joint_si_sdr_db(masked[0], stems[0])
    assert found["violin"]["si_sdr_irm_db"] == pytest.approx(wanted_db, abs=1e-6)
    assert wanted_db > found["violin"]["si_sdr_mix_db"] + 3


def test_a_missing_target_is_named() -> None:
    mix, references = track(0)
    figures = SeparationFigures(TARGETS, SR_HZ)
    with pytest.raises(ValueError, match="no estimate for the target 'bassoon'"):
        figures.add(mix, references, {"violin": mix})
    with pytest.raises(ValueError, match="no reference for the target 'violin'"):
        figures.add(mix, {}, references)


def test_the_examples_run() -> None:
    found = doctest.testmod(separation)
    assert found.attempted
    assert not found.failed
