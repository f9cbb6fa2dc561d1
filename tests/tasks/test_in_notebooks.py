"""What notebooks show of predictions, sounds and figures: pictures, players, tables."""

from __future__ import annotations

import base64
import io
import re
import sys
from typing import Any

import numpy as np
import pytest
import soundfile

from mirbricks.errors import TaskError
from mirbricks.metrics.chords import Chords
from mirbricks.tasks.base import Evaluation
from mirbricks.tasks.chords import ChordRibbon
from mirbricks.tasks.covers import Embedding
from mirbricks.tasks.multi_pitch import Note, Transcription
from mirbricks.tasks.separation import Separated
from mirbricks.tasks.sounds import Sound
from mirbricks.tasks.tagging import Tags

AUDIO = re.compile(r'src="data:audio/wav;base64,([^"]+)"')
PITCHES = Transcription(
    np.array([0.0, 0.01]),
    [np.array([261.6]), np.array([])],
    np.array([[0.9, 0.1], [0.2, 0.0]], np.float32),
    (Note(0.0, 0.5, 60.0, 0.9), Note(0.25, 0.5, 69.0, 0.5)),
    np.array([261.6, 440.0]),
    title="a <song>",
    recorded_s=2.0,
)
SILENT = Transcription(
    np.zeros(0), [], np.zeros((0, 2), np.float32), (), np.array([261.6, 440.0])
)
CHORDS = ChordRibbon(
    Chords(np.array([[0.0, 0.5], [0.5, 2.0]]), ["N", "C:maj"]),
    np.array([0.0, 1.0]),
    np.full((2, 25), 0.5, np.float32),
)
TAGS = Tags(
    ("rain", "dog"),
    np.array([0.25, 0.625]),
    ("dog",),
    np.array([0.5, 1.5]),
    np.array([[0.5, 0.25], [0.0, 1.0]]),
)
TONE = Sound(np.full((2, 1600), 0.5, np.float32), 16000, title="a <tone>")
EMBEDDING = Embedding(
    np.array([[0.6, 0.8]], np.float32), np.ones((12, 4), np.float32), 0.25
)


def played(html: str) -> list[tuple[Any, int]]:
    """The samples and rate of every player."""
    return [
        soundfile.read(io.BytesIO(base64.b64decode(one))) for one in AUDIO.findall(html)
    ]


def test_notes_are_heard_at_their_pitch_and_time() -> None:
    sound = PITCHES.sonify(8000)
    assert sound.samples.shape == (16000,)
    assert sound.title == "a <song>, as predicted"
    # From .5 s on only the A of 440 Hz is left, and after .75 s nothing.
    spectrum = np.abs(np.fft.rfft(sound.samples[4000:6000]))
    assert np.fft.rfftfreq(2000, 1 / 8000)[spectrum.argmax()] == 440.0
    assert np.abs(sound.samples[6000:]).max() == 0


def test_a_sound_lasts_as_long_as_what_was_found_where_no_length_is_known() -> None:
    assert CHORDS.sonify(4000).duration_s == 2.0


@pytest.mark.parametrize("silent", [TAGS, EMBEDDING])
def test_what_has_no_sound_is_refused_with_a_next_step(silent: Any) -> None:
    with pytest.raises(TaskError, match="nothing sounds in a") as caught:
        silent.sonify()
    assert caught.value.code == "E513"
    assert not played(silent._repr_html_())


@pytest.mark.parametrize("found", [PITCHES, CHORDS, TAGS, TONE, EMBEDDING])
def test_a_cell_shows_a_picture(found: Any) -> None:
    html = found._repr_html_()
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert picture
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    assert "<song>" not in html
    assert "<tone>" not in html


def test_a_cell_plays_what_it_shows() -> None:
    (samples, sr_hz) = played(TONE._repr_html_())[0]
    assert (samples.shape, sr_hz) == ((1600, 2), 16000)
    np.testing.assert_allclose(samples, 0.5, atol=1e-4)
    assert len(played(PITCHES._repr_html_())) == 1
    two = Separated({"low": TONE, "high": TONE})
    assert len(played(two._repr_html_())) == 2
    assert "low</figcaption>" in two._repr_html_()


def test_tables_have_a_row_for_each_thing_that_was_found() -> None:
    notes = PITCHES.to_frame()
    assert notes["midi"].tolist() == [60.0, 69.0]
    assert notes["hz"].tolist() == pytest.approx([261.6256, 440.0], abs=1e-3)
    assert PITCHES.to_frame("f0")["hz"].tolist() == [261.6]
    assert CHORDS.to_frame()["label"].tolist() == ["N", "C:maj"]
    assert TAGS.to_frame().loc[0].tolist() == ["dog", 0.625, True]
    assert SILENT.to_frame().columns.tolist() == notes.columns.tolist()


def test_a_layer_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(TaskError) as caught:
        PITCHES.to_frame("chords")
    assert str(caught.value) == (
        "Transcription has no layer 'chords'\n  help: layers are: notes, f0     [E511]"
    )
    with pytest.raises(TaskError, match="Embedding has no layers"):
        EMBEDDING.to_frame()


def test_without_pandas_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(TaskError, match="'pandas' is not installed") as caught:
        PITCHES.to_frame()
    assert caught.value.help == "pip install pandas; `layers()` holds the same numbers"


def test_figures_are_a_table() -> None:
    html = Evaluation({"a<b": 0.51234, "kept": [1]}, {"x": {}})._repr_html_()  # type: ignore[dict-item]  # lists occur
    assert "<td>a&lt;b</td><td>0.5123</td>" in html
    assert "kept" not in html
    assert "1 track<" in html
