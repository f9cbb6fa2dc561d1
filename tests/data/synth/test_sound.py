"""Notes of the synthetic bands against naive sums, and pitches against their partials."""

from __future__ import annotations

import numpy as np
import pytest

from mirbricks.data.synth.sound import FAMILIES, damped, draw_instrument, partials, play

SR_HZ = 22050


def test_damped_partials_against_a_naive_sum() -> None:
    rng = np.random.default_rng(0)
    hz, decay_s = np.array([220.0, 441.5, 3000.0]), np.array([0.5, 0.1, 1e6])
    level = rng.normal(size=3) * np.exp(2j * np.pi * rng.random(3))
    time_s = np.arange(3001) / SR_HZ
    naive = np.zeros(3001)
    for p in range(3):
        naive += (
            np.abs(level[p])
            * np.exp(-time_s / decay_s[p])
            * np.cos(2 * np.pi * hz[p] * time_s + np.angle(level[p]))
        )
    np.testing.assert_allclose(
        damped(hz, level, decay_s, 3001, SR_HZ), naive, atol=1e-5
    )


def test_a_stiff_string_is_stretched() -> None:
    piano = draw_instrument(np.random.default_rng(0), "piano")
    hz = partials(piano, 60, 0.8, SR_HZ)[0]
    f0_hz = 440 * 2 ** (-9 / 12)
    order = np.arange(1, len(hz) + 1)
    np.testing.assert_allclose(
        hz, f0_hz * order * np.sqrt(1 + piano.stiffness * order**2)
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_plays_its_pitch(family: str) -> None:
    rng = np.random.default_rng(1)
    midi = 40 if family == "bass" else 60
    note = play(rng, draw_instrument(rng, family), midi, 0.7, 1.0, SR_HZ)
    assert note.dtype == np.float32
    assert np.isfinite(note).all()
    assert abs(note[0]) < 1e-6
    assert abs(note[-1]) < 1e-3
    spectrum = np.abs(np.fft.rfft(note[: SR_HZ // 2] * np.hanning(SR_HZ // 2), 1 << 17))
    hz = np.arange(len(spectrum)) * SR_HZ / (1 << 17)
    f0_hz = 440 * 2 ** ((midi - 69) / 12)
    near = (hz > 0.9 * f0_hz) & (hz < 1.1 * f0_hz)
    peak_hz = hz[near][np.argmax(spectrum[near])]
    assert abs(1200 * np.log2(peak_hz / f0_hz)) < 20


def test_no_partial_folds_over() -> None:
    for family in FAMILIES:
        hz = partials(
            draw_instrument(np.random.default_rng(2), family), 108, 1.0, SR_HZ
        )[0]
        assert (hz < SR_HZ / 2).all()
        assert len(hz)


def test_soft_notes_are_darker() -> None:
    piano = draw_instrument(np.random.default_rng(0), "piano")
    soft, loud = (partials(piano, 60, velocity, SR_HZ)[1] for velocity in (0.2, 1.0))
    assert (soft[1:] / soft[0] < loud[1:] / loud[0]).all()
