"""Recorded instruments: which file plays a key, when it begins, how it stops; and the pieces that they play."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.performance import Sounding
from mirbricks.data.synth.sampled import Recordings, note_in_name, open_sampled
from mirbricks.data.synth.sampled_corpus import synthesise_sampled
from mirbricks.data.synth.scores import performed
from mirbricks.errors import DataError

SR_HZ = 22050


def tone(hz: float, seconds: float, sr_hz: int, level: float) -> NDArray[np.float64]:
    time_s = np.arange(round(seconds * sr_hz)) / sr_hz
    return level * np.exp(-time_s) * np.sin(2 * np.pi * hz * time_s)


@pytest.fixture
def piano(tmp_path: Path) -> Path:
    """A4 softly and loudly, C4 once; each after 80 ms of silence, at another rate than corpora have."""
    folder = tmp_path / "upright"
    (folder / "inner").mkdir(parents=True)
    silence = np.zeros(round(0.08 * 44100))
    for name, hz, level in (
        ("A4v1", 440.0, 0.1),
        ("inner/A4v12", 440.0, 0.8),
        ("C4", 261.63, 0.5),
    ):
        sound = np.concatenate([silence, tone(hz, 2.0, 44100, level)])
        soundfile.write(folder / f"{name}.wav", sound, 44100)
    (folder / "notes.txt").write_text("A4 was tuned in May")
    soundfile.write(folder / "hello.wav", silence, 44100)
    return folder


def pitch_hz(sound: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * SR_HZ))
    return float(spectrum.argmax() / 8)


@pytest.mark.parametrize(
    ("stem", "note"),
    [
        ("A4", (69, 0)),
        ("A#3v8", (58, 8)),
        ("Cs4", (61, 0)),
        ("Bb2", (46, 0)),
        ("Df5", (73, 0)),
        ("b3", (59, 0)),
        ("C-1", (0, 0)),
        ("piano_C4_v03", (60, 3)),
        ("grand piano F#1", (30, 0)),
        ("60", (60, 0)),
        ("note-108v2", (108, 2)),
        ("hello", None),
        ("take10000", None),
        ("G9v1", (127, 1)),
        ("A9", None),
        ("200", None),
    ],
)
def test_notes_in_names(stem: str, note: tuple[int, int] | None) -> None:
    assert note_in_name(stem) == note


def test_strength_chooses_the_recording(piano: Path) -> None:
    instrument = Recordings(str(piano))
    soft = np.abs(instrument.strike(69, 0.2, 0.5)).max()
    loud = np.abs(instrument.strike(69, 0.9, 0.5)).max()
    assert soft == pytest.approx(0.1, rel=0.05)
    assert loud == pytest.approx(0.8, rel=0.05)


def test_one_recording_of_a_key_serves_all_strengths(piano: Path) -> None:
    instrument = Recordings(str(piano))
    whole = instrument.strike(60, 1.0, 0.5)
    half = instrument.strike(60, 0.5, 0.5)
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)


@pytest.mark.parametrize("midi", [57, 60, 64, 65, 69, 81])
def test_a_key_that_was_not_recorded_is_the_nearest_one_resampled(
    piano: Path, midi: int
) -> None:
    sound = Recordings(str(piano)).strike(midi, 0.9, 0.8)
    hz = 440.0 * 2.0 ** ((midi - 69) / 12)
    assert pitch_hz(sound) == pytest.approx(hz, rel=0.003)


def test_a_note_begins_when_it_says(piano: Path) -> None:
    sound = np.abs(Recordings(str(piano)).strike(69, 0.9, 0.5))
    first = int(np.flatnonzero(sound > sound.max() / 4)[0])
    # The silence of 80 ms before it is gone, but for 2 ms.
    assert first < 0.005 * SR_HZ


def test_a_soundfont_that_is_none_is_told(tmp_path: Path) -> None:
    pytest.importorskip("tinysoundfont")
    broken = tmp_path / "grand.sf2"
    broken.write_bytes(b"RIFF....sfbk" + bytes(64))
    with pytest.raises(DataError, match=r"(?s)cannot be read as a SoundFont.*\[E470\]"):
        open_sampled(str(broken))
    with pytest.raises(DataError, match=r"(?s)there is no file.*\[E470\]"):
        open_sampled(str(tmp_path / "away.sf2"))


def test_a_folder_without_notes_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hello.wav", np.zeros(100), 44100)
    with pytest.raises(DataError, match=r"(?s)no recording of a note.*\[E470\]"):
        open_sampled(str(tmp_path))
    with pytest.raises(DataError, match=r"(?s)there is no folder.*\[E470\]"):
        open_sampled(str(tmp_path / "away"))


def test_a_corpus_of_pieces(piano: Path, tmp_path: Path) -> None:
    made = synthesise_sampled(tmp_path / "one", [piano], n=2, seconds=2.0, seed=4)
    again = synthesise_sampled(tmp_path / "two", [piano], n=2, seconds=2.0, seed=4)
    for item, other in zip(made.items, again.items, strict=True):
        assert list(item.entry.values("instrument")) == ["upright"]
        assert item.entry.values("pitchmidi")
        np.testing.assert_array_equal(item.read()[0], other.read()[0])
        assert np.abs(item.read()[0]).max() <= 0.9 + 1e-6


def test_the_notes_of_another_corpus_are_played(piano: Path, tmp_path: Path) -> None:
    scores = synthesise_sampled(tmp_path / "scores", [piano], n=1, seconds=3.0, seed=1)
    made = synthesise_sampled(
        tmp_path / "played", [piano], n=3, seconds=2.0, seed=2, score=scores.items
    )
    written = np.array(scores.items[0].entry.values("pitchmidi"))
    for item in made.items:
        played = np.array(item.entry.values("pitchmidi"))
        distances = played[None, :] - written[:, None]
        # One transposition brings every played note onto one that is written.
        assert any(
            np.isin(played - semitones, written).all()
            for semitones in np.unique(distances)
            if abs(semitones) <= 5
        )


def test_a_score_without_notes_is_told(piano: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)no recording has notes.*\[E470\]"):
        synthesise_sampled(tmp_path / "out", [piano], n=1, score=[])
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match=r"(?s)there is no instrument.*\[E470\]"):
        synthesise_sampled(tmp_path / "out", [], n=1)


@pytest.mark.parametrize("seed", range(20))
def test_a_performance_lies_within_its_clip(seed: int) -> None:
    rng = np.random.default_rng(seed)
    onsets_s = np.sort(rng.uniform(0, rng.uniform(1, 60), 40))
    score = tuple(
        Sounding(float(at), float(at + rng.uniform(0.01, 4)), float(midi), 0.0)
        for at, midi in zip(onsets_s, rng.integers(21, 109, 40), strict=True)
    )
    notes = performed(rng, score, 2.0)
    assert notes
    for note in notes:
        assert 0 <= note.onset_s < note.end_s <= 2.0
        assert 21 <= note.midi <= 108
        assert 0.08 <= note.velocity <= 1.0


def test_annotated_strengths_are_kept() -> None:
    rng = np.random.default_rng(0)
    score = (Sounding(0.2, 0.9, 60.0, 0.25), Sounding(0.4, 0.9, 64.0, 0.75))
    assert [note.velocity for note in performed(rng, score, 2.0)] == [0.25, 0.75]


def test_clips_read_back(piano: Path, tmp_path: Path) -> None:
    synthesise_sampled(tmp_path / "c", [piano], n=1, seconds=1.0)
    corpus = Corpus.open(tmp_path / "c")
    assert corpus.name == "sampled"
    assert corpus.items[0].duration_s == pytest.approx(1.0)
