"""Predictions: an answer that reads well, the same files as ever, a picture, and no file of the user's replaced."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mirbricks.errors import DataError
from mirbricks.metrics.chords import Chords
from mirbricks.tasks.base import Evaluation, Task
from mirbricks.tasks.chords import ChordRibbon
from mirbricks.tasks.covers import Embedding
from mirbricks.tasks.finding import tasks
from mirbricks.tasks.multi_pitch import Note, Transcription
from mirbricks.tasks.multi_pitch.prediction import F0
from mirbricks.tasks.predictions import Prediction
from mirbricks.tasks.self_supervised.prediction import Represented
from mirbricks.tasks.tagging import Tags
from mirbricks.workflows.predict import corpus_in_words

TAGS = Tags(
    ("rain", "dog", "sea"),
    np.array([0.25, 0.625, 0.125]),
    ("rain", "dog"),
    np.array([0.5, 1.5]),
    np.array([[0.5, 0.25, 0.125], [0.0, 1.0, 0.125]]),
    title="a.wav",
)
NOTES = (Note(0.0, 0.5, 60.02, 0.9), Note(0.25, 0.5, 69.0, 0.0))
PITCHES = Transcription(
    np.array([0.0, 0.01]),
    [np.array([261.6]), np.array([])],
    np.array([[0.9, 0.1], [0.2, 0.0]], np.float32),
    NOTES,
    np.array([261.6, 440.0]),
)
CHORDS = ChordRibbon(
    Chords(np.array([[0.0, 0.5], [0.5, 2.0]]), ["N", "C:maj"]),
    np.array([0.0, 0.5]),
    np.zeros((2, 25), np.float32),
)
VECTORS = np.array([[0.6, 0.8], [0.8, 0.6]], np.float32)
COVER = Embedding(VECTORS, np.ones((12, 4), np.float32), 0.25)
ENCODED = Represented(VECTORS.astype(np.float64), np.array([0.5, 1.0]), TAGS)
ALL = [PITCHES, TAGS, CHORDS, COVER, ENCODED]


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (PITCHES, "<Transcription: 2 notes: C4 0.00-0.50 s, A4 0.25-0.75 s>"),
        (TAGS, "<Tags of 'a.wav': dog (0.62), rain (0.25)>"),
        (CHORDS, "<ChordRibbon: 2 chords: N 0.00-0.50 s, C:maj 0.50-2.00 s>"),
        (COVER, "<Embedding: embedding of 2 numbers, 2 chunks>"),
        (
            ENCODED,
            "<Represented: embeddings of 2 numbers, 2 chunks; dog (0.62), rain (0.25)>",
        ),
    ],
)
def test_the_repr_is_the_answer(prediction: Prediction, words: str) -> None:
    assert repr(prediction) == words


def test_long_answers_are_cut() -> None:
    many = Transcription(
        PITCHES.times_s, PITCHES.frequencies_hz, PITCHES.salience, NOTES * 3
    )
    assert repr(many).startswith("<Transcription: 6 notes: C4 0.00-0.50 s, ")
    assert repr(many).endswith(", A4 0.25-0.75 s and 2 more>")
    none = Transcription(PITCHES.times_s, [], PITCHES.salience, ())
    assert repr(none) == "<Transcription: no notes>"
    one = Transcription(PITCHES.times_s, [], PITCHES.salience, NOTES[:1])
    assert "1 note: C4" in repr(one)
    unsure = Tags(("a", "b"), np.array([0.25, 0.5]), (), np.zeros(1), np.zeros((1, 2)))
    assert repr(unsure) == "<Tags: no label; the best is b (0.50)>"


def test_the_pitches_of_a_transcription() -> None:
    times_s, hz = PITCHES.f0
    assert times_s is PITCHES.times_s
    assert hz[0].tolist() == [261.6]
    first, second = PITCHES.notes
    assert (first.start_s, first.end_s, first.name) == (0.0, 0.5, "C4")
    assert (second.start_s, second.end_s, second.hz) == (0.25, 0.75, 440.0)
    assert Note(0.0, 1.0, 61.4, 0.5).name == "C#4"
    assert Note(0.0, 1.0, 20.6, 0.5).name == "A0"
    assert repr(second) == "Note(A4, 0.250-0.750 s, midi=69.00, salience=0.00)"
    assert PITCHES.files() == {
        ".f0.txt": b"0.000000\t261.600\n0.010000\n",
        ".notes.csv": b"onset_s,duration_s,midi,velocity,confidence\n"
        b"0.000,0.500,60.02,114,0.9000\n0.250,0.500,69.00,1,0.0000\n",
    }


def test_the_labels_of_tags() -> None:
    assert TAGS.label == "dog"
    assert TAGS.labels == ("rain", "dog")
    assert list(TAGS.scores.items()) == [("dog", 0.625), ("rain", 0.25), ("sea", 0.125)]


def test_the_chords_of_a_ribbon() -> None:
    start_s, end_s, label = CHORDS.chords[1]
    assert (start_s, end_s, label) == (0.5, 2.0, "C:maj")
    assert [chord.label for chord in CHORDS.chords] == ["N", "C:maj"]
    assert CHORDS.files() == {".lab": b"0.000\t0.500\tN\n0.500\t2.000\tC:maj\n"}


def test_the_vectors_of_embeddings() -> None:
    np.testing.assert_allclose(COVER.embedding, [0.5**0.5, 0.5**0.5], rtol=1e-6)
    np.testing.assert_allclose(ENCODED.embedding, [0.7, 0.7], rtol=1e-6)
    for prediction in (COVER, ENCODED):
        stored = np.load(io.BytesIO(prediction.files()[".embedding.npy"]))
        assert stored.dtype == np.float32
        np.testing.assert_array_equal(stored, VECTORS)
    assert ENCODED.files().keys() == {".embedding.npy", ".tags.json", ".tags.csv"}
    alone = Represented(ENCODED.frames, ENCODED.times_s, None)
    assert alone.files().keys() == {".embedding.npy"}
    assert repr(alone) == "<Represented: embeddings of 2 numbers, 2 chunks>"


@pytest.mark.parametrize(
    "prediction", [*ALL, Represented(ENCODED.frames, ENCODED.times_s, None)]
)
def test_a_picture_has_the_title(prediction: Prediction) -> None:
    figure = prediction.titled("the song").plot()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    titles.append(figure.get_suptitle())
    assert "the song" in titles


def test_the_picture_of_a_task_is_that_of_the_prediction() -> None:
    cls = tasks()["tagging"]
    figure = Task.picture(cls.__new__(cls), TAGS, "another title")
    assert figure.axes[0].get_title(loc="left") == "another title"
    assert TAGS.title == "a.wav"
    assert (
        Task.picture(cls.__new__(cls), object(), "a task of an older plug-in") is None
    )


@pytest.mark.parametrize("prediction", ALL)
def test_saved_files_are_those_of_the_prediction(
    prediction: Prediction, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "folder"
    paths = prediction.save(folder, "song", picture=False)
    assert {path.name: path.read_bytes() for path in paths} == {
        f"song{ending}": content for ending, content in prediction.files().items()
    }
    assert sorted(paths) == sorted((tmp_path / "new" / "folder").iterdir())
    assert prediction.save(folder, "song", picture=False) == paths
    with_picture = prediction.save(folder, "song")
    assert [path.name for path in with_picture[len(paths) :]] == ["song.png"]


def test_the_name_is_the_title_without_its_ending(tmp_path: Path) -> None:
    assert TAGS.save(tmp_path)[0].name == "a.tags.json"
    assert CHORDS.save(tmp_path)[0].name == "prediction.lab"


@pytest.mark.parametrize("prediction", ALL)
@pytest.mark.parametrize("kind", ["text", "longer", "folder", "dangling link"])
def test_what_is_there_already_is_kept(
    prediction: Prediction, kind: str, tmp_path: Path
) -> None:
    """Whichever of the files is there, none is written."""
    for ending, content in prediction.files().items():
        folder = tmp_path / ending.replace(".", "_")
        folder.mkdir()
        decoy = folder / f"song{ending}"
        if kind == "text":
            decoy.write_bytes(b"mine")
        elif kind == "longer":
            decoy.write_bytes(content + b"mine")
        elif kind == "folder":
            decoy.mkdir()
        else:
            decoy.symlink_to(folder / "nowhere")
        with pytest.raises(DataError) as caught:
            prediction.save(folder, "song")
        assert str(caught.value) == (
            f"'{decoy}' already exists\n"
            "  help: choose another folder or name; --replace, or replace=True, writes over it     [E191]"
        )
        assert list(folder.iterdir()) == [decoy]
        if kind in ("text", "longer"):
            assert decoy.read_bytes().endswith(b"mine")
            prediction.save(folder, "song", replace=True)
            assert decoy.read_bytes() == content


@pytest.mark.parametrize("prediction", [PITCHES, TAGS, CHORDS])
def test_a_picture_on_the_callers_axes(prediction: Prediction) -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert prediction.titled("mine").plot(ax) is figure
    assert ax.has_data()


@dataclass(frozen=True, repr=False)
class Tempo(Prediction):
    bpm: float

    def files(self) -> dict[str, bytes]:
        return {".bpm.txt": f"{self.bpm:g}\n".encode()}


def test_a_prediction_of_a_plug_in_needs_only_files(tmp_path: Path) -> None:
    assert repr(Tempo(120.0, title="s")) == "<Tempo of 's': .bpm.txt>"
    assert Tempo(120.0).plot() is None
    assert Tempo(120.0).save(tmp_path, "s")[0].read_text() == "120\n"
    with pytest.raises(TypeError, match="abstract"):
        Prediction()  # type: ignore[abstract]


def test_the_repr_of_pitches_is_one_line() -> None:
    times_s = np.arange(3000) * 0.01
    hz = [np.full(index % 3, 440.0) for index in range(3000)]
    assert repr(F0(times_s, hz)) == "<F0: 3000 frames, 0.00-29.99 s, 2000 with pitches>"
    assert repr(F0(times_s[:0], [])) == "<F0: 0 frames>"
    assert (
        repr(F0(times_s[:1], hz[1:2])) == "<F0: 1 frame, 0.00-0.00 s, 1 with pitches>"
    )


def test_the_repr_of_an_evaluation_is_one_line() -> None:
    figures = {f"figure_{index}": index / 3 for index in range(6)}
    tracks = {f"{index}.wav": {"scores": [0.0] * 1000} for index in range(200)}
    assert repr(Evaluation(figures, tracks)) == (
        "<Evaluation of 200 tracks: figure_0 0, figure_1 0.3333, figure_2 0.6667, figure_3 1 and 2 more>"
    )
    assert repr(Evaluation({}, {})) == "<Evaluation of 0 tracks: no figures>"
    assert repr(Evaluation({"f": 1.0}, {"a": {}})) == "<Evaluation of 1 track: f 1>"


def test_tags_report_what_the_model_knows() -> None:
    assert TAGS.knows() == "one of 3 labels"
    known = dataclasses.replace(TAGS, trained_on=corpus_in_words("esc10_dev"))
    words = "one of 3 labels; trained on ESC-10, environmental sounds of ten classes"
    assert known.knows() == words
    assert known.plot().axes[0].get_title(loc="right") == words
    encoded = dataclasses.replace(ENCODED, trained_on=known.trained_on)
    assert encoded.knows() == words
    assert corpus_in_words("my <songs>") == "'my <songs>'"
    assert PITCHES.knows() == ""


def test_tags_are_drawn_below_their_sound() -> None:
    for prediction in (TAGS, ENCODED):
        above, below = prediction.plot_with(np.zeros(16000), 8000).axes[:2]
        assert above.get_ylabel() == "frequency (Hz)"
        assert above.get_xlim() == below.get_xlim() == (0.0, 2.0)
    assert PITCHES.plot_with(np.zeros(800), 8000).axes[0].get_ylabel() == "pitch"
