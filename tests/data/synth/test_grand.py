"""The grand piano: tuning, decay, velocity, pedal and noises, each heard by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mirbricks.data.synth.corpora import make_grand
from mirbricks.data.synth.grand import (
    Grand,
    draw_grand,
    render_grand,
    strike,
    strings_of,
)
from mirbricks.data.synth.performance import Sounding
from mirbricks.data.synth.piano import piano_piece

SR_HZ = 22050


@pytest.fixture
def grand() -> Grand:
    """A piano in tune, without noises."""
    drawn = draw_grand(np.random.default_rng(0))
    return replace(
        drawn,
        instrument=replace(drawn.instrument, stiffness=0.0, release_s=0.1),
        key_cents=np.zeros(128),
        unison_cents=np.full(128, 0.5),
        hammer=0.0,
        pedal=0.0,
        along=0.0,
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def rms(sound: NDArray[np.float32], begin_s: float, end_s: float) -> float:
    part = sound[round(begin_s * SR_HZ) : round(end_s * SR_HZ)]
    return float(np.sqrt(np.mean(np.square(part, dtype=np.float64))))


def test_each_key_has_its_own_tuning(grand: Grand) -> None:
    cents = np.zeros(128)
    cents[69] = 30.0
    note = Sounding(0.0, 2.0, 69.0, 0.6)
    for piano, hz in ((grand, 440.0), (replace(grand, key_cents=cents), 447.69)):
        sound = strike(rng(), piano, note, SR_HZ)[: 2 * SR_HZ]
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
        low, high = (round(edge * 16) for edge in (420, 470))
        peak_hz = (low + spectrum[low:high].argmax()) / 16
        assert peak_hz == pytest.approx(hz, abs=0.5)


def test_keys_have_one_two_or_three_strings() -> None:
    assert [len(strings_of(key)) for key in (21, 32, 33, 44, 45, 108)] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip


def test_tones_die_away_in_two_stages(grand: Grand) -> None:
    note = Sounding(0.0, 6.0, 60.0, 0.6)
    plain = strike(rng(), replace(grand, slow=0.0), note, SR_HZ)
    slow = strike(rng(), replace(grand, slow=0.3, slower=4.0), note, SR_HZ)
    fall = [rms(one, 5.0, 5.5) / rms(one, 0.1, 0.6) for one in (plain, slow)]
    assert fall[1] > 3 * fall[0]


def test_a_key_struck_harder_is_louder_and_brighter(grand: Grand) -> None:
    found = []
    for velocity in (0.2, 0.8):
        sound = strike(rng(), grand, Sounding(0.0, 1.0, 48.0, velocity), SR_HZ)
        power = np.abs(np.fft.rfft(sound)) ** 2
        hz = np.arange(len(power)) * SR_HZ / len(sound)
        found.append((rms(sound, 0.02, 0.2), (power * hz).sum() / power.sum()))
    assert found[1][0] > 2 * found[0][0]
    assert found[1][1] > found[0][1]


def test_dampers_stop_a_string_but_not_the_top_ones(grand: Grand) -> None:
    low = strike(rng(), grand, Sounding(0.0, 0.2, 60.0, 0.6), SR_HZ)
    high = strike(rng(), grand, Sounding(0.0, 0.2, 96.0, 0.6), SR_HZ)
    assert len(low) == pytest.approx(0.3 * SR_HZ, abs=2)
    assert rms(high, 0.25, 0.35) > 0.01
    assert abs(low[-1]) < 1e-3


def test_with_the_pedal_down_other_strings_sound_along(grand: Grand) -> None:
    notes = [Sounding(0.1, 0.3, 48.0, 0.6)]
    piano = replace(grand, along=0.1)
    heard = {}
    for name, pedals in (("up", []), ("down", [(0.0, 1.0)])):
        heard[name] = render_grand(rng(), piano, notes, pedals, 2 * SR_HZ, SR_HZ)
    # The note itself ends at .4 s; its partials live on in other strings until the pedal comes up.
    assert rms(heard["down"], 0.5, 1.0) > 10 * rms(heard["up"], 0.5, 1.0)
    assert rms(heard["down"], 1.2, 2.0) < 0.05 * rms(heard["down"], 0.5, 1.0)


def test_hammers_and_pedal_are_heard(grand: Grand) -> None:
    notes = [Sounding(0.5, 0.9, 60.0, 0.6)]
    quiet = render_grand(rng(), grand, notes, [], SR_HZ, SR_HZ)
    knocks = replace(grand, hammer=0.1, pedal=0.05)
    loud = render_grand(rng(), knocks, notes, [(0.2, 0.9)], SR_HZ, SR_HZ)
    assert rms(quiet, 0.2, 0.3) == 0.0
    assert rms(loud, 0.2, 0.3) > 1e-3
    # Both are drawn alike, so that what they differ in at the onset is the hammer.
    assert rms(loud - quiet, 0.5, 0.52) > 1e-3


def test_notes_and_velocities_go_together() -> None:
    (made,) = make_grand(3, 0, 4.0)
    notes = made.annotations["pitchmidi"]
    velocities = made.annotations["velocity"]
    assert [one.time for one in notes] == [one.time for one in velocities]
    assert all(1 <= one.value <= 127 for one in velocities)
    assert len(made.audio) == 4 * SR_HZ
    assert 0.29 < np.abs(made.audio).max() < 0.91


def test_the_pedal_is_told_and_changes_no_note() -> None:
    pedals: list[tuple[float, float]] = []
    told = piano_piece(np.random.default_rng(5), 20.0, pedals)
    assert told == piano_piece(np.random.default_rng(5), 20.0)
    assert pedals
    assert all(0 <= begin < end <= 20.0 for begin, end in pedals)
