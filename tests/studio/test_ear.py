"""What the studio answers on sounds: predictions as layers, sources, generated sounds, and annotations of a corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.pyjama.atoms import Atom
from mirbricks.data.stores.wav import wav_bytes
from mirbricks.studio import ear


@pytest.fixture
def tone(tmp_path: Path) -> str:
    seconds = np.arange(22050) / 22050
    wave = 0.3 * np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    (tmp_path / "tone.wav").write_bytes(wav_bytes(wave[None], 22050))
    ear.begin(str(tmp_path))
    return str(ear.open_sound(str(tmp_path / "tone.wav"))["sound"])


def test_an_annotation_is_drawn_by_what_its_values_are() -> None:
    notes = ear._as_written("notes", [Atom(60, 0.5, 1.0), Atom(64.5, 1.0, 1.0)])
    assert notes["kind"] == "notes"
    assert notes["items"][0] == [0.5, 1.5, 60.0, 1.0]
    words = ear._as_written("chords", [Atom("C:maj", 0.0, 2.0)])
    assert words["items"] == [[0.0, 2.0, "C:maj", 1.0]]
    assert ear._as_written("tags", [Atom("piano")])["items"] == [["piano", 1.0]]
    curve = ear._as_written("f0", [Atom([[440.0, 0.0], [441.0]], [0.0, 0.1])])
    assert curve["items"] == [[0.0, 440.0], [0.1, 441.0]]


@pytest.mark.slow
def test_a_recording_is_taken_apart(tone: str) -> None:
    stems = ear.separate(tone, "zoo:separation_bach10")["stems"]
    assert len(stems) > 1
    assert all(abs(one["duration_s"] - 1.0) < 0.01 for one in stems)


@pytest.mark.slow
def test_sounds_are_made_as_asked_for(tone: str) -> None:
    assert tone
    known = ear.conditions("zoo:notes_flow")["conditions"]
    asked = {name: values[0] for name, values in known.items()}
    sounds = ear.generate("zoo:notes_flow", 1, 0, asked)["sounds"]
    assert sounds[0]["duration_s"] > 0
