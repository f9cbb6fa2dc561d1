"""The pitch of single notes: of synthetic ones with known frequency, and of recorded instruments."""

from __future__ import annotations

import csv
import doctest
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.metrics import cents_off, note_f0_hz, pitch, pitch_figures


@pytest.fixture
def rows(data_root: Path) -> list[dict[str, str]]:
    """The recorded notes: where each file lies, and its pitch."""
    table = data_root / "notes" / "meta.csv"
    if not table.is_file():
        pytest.skip("the recorded notes are not here")
    with table.open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    return [row | {"path": str(table.parent / row["path"])} for row in found]


def tone(
    f0_hz: float, sr_hz: int, amplitudes: list[float], seconds: float = 0.4
) -> np.ndarray:
    """Harmonics below half of the sampling rate, of random phases."""
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * sr_hz)) / sr_hz
    parts = [
        a * np.sin(2 * np.pi * h * f0_hz * t + rng.uniform(0, 6))
        for h, a in enumerate(amplitudes, start=1)
        if h * f0_hz < sr_hz / 2
    ]
    return np.sum(parts, axis=0)


@pytest.mark.parametrize("sr_hz", [16000, 22050, 44100])
@given(
    st.floats(34, 100),
    st.lists(st.floats(0.1, 1), min_size=1, max_size=8),
    st.floats(1e-4, 1),
)
@settings(deadline=None, max_examples=12)
def test_synthetic_notes_lie_within_a_few_cents(
    sr_hz: int, midi: float, amplitudes: list[float], gain: float
) -> None:
    f0_hz = 440 * 2 ** ((midi - 69) / 12)
    # The fundamental of a low note is weak; where only one harmonic fits it must be there.
    wave = gain * tone(f0_hz, sr_hz, [0.3, *amplitudes]) + 0.2
    heard = note_f0_hz(wave, sr_hz)
    assert heard is not None
    assert abs(cents_off(heard, midi)) < 15


def test_noise_and_silence_have_no_pitch() -> None:
    assert note_f0_hz(np.random.default_rng(0).normal(size=20000), 16000) is None
    assert note_f0_hz(np.zeros(20000), 16000) is None
    assert note_f0_hz(np.ones(20000), 16000) is None
    assert note_f0_hz(np.ones(100), 16000) is None
    assert note_f0_hz(np.zeros(0), 16000) is None


def test_the_loud_part_decides() -> None:
    loud = tone(220, 16000, [1.0, 0.5])
    soft = 0.01 * tone(300, 16000, [1.0, 0.5], seconds=2)
    heard = note_f0_hz(np.concatenate([soft, loud, soft]), 16000)
    assert heard == pytest.approx(220, rel=1e-3)


def recorded(rows: list[dict[str, str]]) -> dict[str, float]:
    heard = [note_f0_hz(*soundfile.read(row["path"])) for row in rows]
    return pitch_figures(heard, [int(row["pitchmidi"]) for row in rows])


def test_recorded_notes_have_the_pitch_of_their_name(
    rows: list[dict[str, str]],
) -> None:
    low = [row for row in rows if int(row["pitchmidi"]) < 50]
    # A sample of all, and of those that are most easily heard an octave off.
    assert recorded(rows[::25])["pitch_right"] >= 0.97
    assert recorded(low[::5])["octave_errors"] == 0


@pytest.mark.slow
def test_all_recorded_notes_have_the_pitch_of_their_name(
    rows: list[dict[str, str]],
) -> None:
    found = recorded(rows)
    assert found["pitch_right"] >= 0.98
    assert found["octave_errors"] <= 0.005


def test_figures_count_what_is_off_and_how() -> None:
    asked = [60.0, 60.0, 60.0, 60.0, 60.0]
    hz = 440 * 2 ** (-9 / 12)
    heard = [hz, hz * 2 ** (40 / 1200), hz * 2 ** (60 / 1200), 4 * hz, None]
    assert pitch_figures(heard, asked) == pytest.approx(
        {
            "pitch_right": 0.4,
            "octave_errors": 0.2,
            "no_pitch": 0.2,
            "median_cents": 50.0,
        }
    )
    assert np.isnan(pitch_figures([None], [60])["median_cents"])
    # 50 cents below an octave too high is an octave error of its own kind, not a right note.
    assert pitch_figures([hz * 2 ** (1160 / 1200)], [60])["octave_errors"] == 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"waveform \(N,\), got \(1, 5\)"):
        note_f0_hz(np.zeros((1, 5)), 16000)
    with pytest.raises(ValueError, match="not finite"):
        note_f0_hz(np.full(5, np.nan), 16000)
    with pytest.raises(
        ValueError, match="up to 4000 Hz, a quarter of sr_hz, got 40 and 4001"
    ):
        note_f0_hz(np.zeros(5), 16000, highest_hz=4001)
    with pytest.raises(ValueError, match="at least 1, got 1 and 0"):
        pitch_figures([1.0], [])
    with pytest.raises(ValueError, match="above 0 Hz, got 0"):
        cents_off(0, 60)


def test_the_examples_run() -> None:
    found = doctest.testmod(pitch)
    assert found.attempted
    assert not found.failed
