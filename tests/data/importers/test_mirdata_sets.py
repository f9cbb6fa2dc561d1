"""Data sets by mirdata's own loaders: a small Beatles on the disk, and a track with every type of annotation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mirdata
import numpy as np
import pytest
from mirdata import annotations as A

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.mirdata_sets import attribute_names
from mirbricks.data.importers.mirdata_types import UnknownUnit, converted
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import DataError

Call = Callable[..., Any]


def beatles(sound: Call) -> list[str]:
    """Two tracks of the layout that mirdata's loader reads; the audio of the second is missing."""
    sound("home/audio/a.wav", 4.0)
    tracks = {}
    for name, audio in (("0111", "audio/a.wav"), ("0112", "audio/none.wav")):
        paths = {"audio": audio}
        for kind, text in (
            ("beat", "0.5 1\n1.0 2\n"),
            ("chords", "0.0 1.5 N\n1.5 3.5 E:min\n"),
            ("keys", "0.0\t3.5\tKey\tE\n"),
            ("sections", "0.0\t1.0\t0\tsilence\n1.0\t3.0\t0\tintro\n"),
        ):
            paths[kind] = f"annotations/{kind}/{name}.txt"
            Path("home", paths[kind]).parent.mkdir(parents=True, exist_ok=True)
            Path("home", paths[kind]).write_text(text)
        tracks[name] = {key: [path, None] for key, path in paths.items()}
    Path("index.json").write_text(json.dumps({"version": "1.2", "tracks": tracks}))
    return ["dataset=beatles", "index=index.json"]


def test_channels_are_kept(sound: Call, bring_in: Call) -> None:
    settings = beatles(sound)
    stereo = sound("home/audio/a.wav", 4.0, channels=2)
    bring_in("mirdata", "home", "one", *settings)
    found, _ = Corpus.open("one")["audio/a.wav"].read_channels()
    np.testing.assert_array_equal(found, stereo.T)


def test_a_data_set_on_the_disk(sound: Call, bring_in: Call) -> None:
    report = bring_in("mirdata", "home", "one", *beatles(sound))
    assert [error.message for error in report.left_out] == [
        "the track '0112' has no audio: 'audio_path' is home/audio/none.wav"
    ]
    entry = Corpus.open("one")["audio/a.wav"].entry
    assert list(entry.annotations["chord"]) == [
        Atom("N", 0.0, 1.5),
        Atom("E:min", 1.5, 2.0),
    ]
    assert list(entry.annotations["segment"]) == [
        Atom("silence", 0.0, 1.0),
        Atom("intro", 1.0, 2.0),
    ]
    assert list(entry.annotations["beat"]) == [Atom(1.0, 0.5), Atom(2.0, 1.0)]
    assert list(entry.annotations["key"]) == [Atom("E", 0.0, 3.5)]


def test_annotations_alone(sound: Call, bring_in: Call) -> None:
    report = bring_in("mirdata", "home", "one", *beatles(sound), audio=False)
    assert (report.n_recordings, report.left_out) == (2, [])


def test_what_mirdata_does_not_have(bring_in: Call, tmp_path: Path) -> None:
    for settings, expected in (
        (
            ["dataset=beetles"],
            "mirdata has no data set 'beetles'\n  help: did you mean 'beatles'?     [E464]",
        ),
        (
            ["dataset=beatles", "version=99"],
            "mirdata has no version '99' of 'beatles'\n  help: Available versions for beatles: ",
        ),
        (["dataset=beatles", "index=no.json"], "mirdata has no index of 'beatles': "),
    ):
        with pytest.raises(DataError) as caught:
            bring_in("mirdata", tmp_path, "one", *settings)
        assert str(caught.value).startswith(expected)


def test_a_loader_that_fails(sound: Call, bring_in: Call) -> None:
    settings = beatles(sound)
    Path("home/annotations/chords/0111.txt").unlink()
    report = bring_in("mirdata", "home", "one", *settings)
    lost, no_audio = report.left_out
    assert lost.message.startswith("mirdata cannot load 'chords' of the track '0111': ")
    assert no_audio.code == "E466"
    entry = Corpus.open("one")["audio/a.wav"].entry
    assert set(entry.annotations) == {"filepath", "beat", "key", "segment", "title"}


def test_a_track_of_which_nothing_loads(sound: Call, bring_in: Call) -> None:
    settings = beatles(sound)
    for path in Path("home/annotations").rglob("*.txt"):
        path.write_text("what is this\n")
    index = json.loads(Path("index.json").read_text())
    index["tracks"]["0113"] = {"audio": ["audio/a.wav", None]}  # no other files at all
    Path("index.json").write_text(json.dumps(index))
    report = bring_in("mirdata", "home", "one", *settings, audio=False)
    assert {error.code for error in report.left_out} == {"E463"}
    assert any("0113" in error.message for error in report.left_out)


SPANS = np.array([[0.0, 1.0], [1.0, 2.5]])


@pytest.mark.parametrize(
    ("data", "kind", "atoms"),
    [
        ("pop", "x", [Atom("pop")]),
        (3, "x", [Atom(3)]),
        (True, "x", [Atom(1)]),
        (np.float32(0.5), "x", [Atom(0.5)]),
        (["a", "b"], "x", [Atom("a"), Atom("b")]),
        (
            A.SectionData(SPANS, "s", None, None),
            "segment",
            [Atom("", 0.0, 1.0), Atom("", 1.0, 1.5)],
        ),
        (
            A.TempoData(SPANS, "s", np.array([120.0, 60.0]), "bpm"),
            "tempo",
            [Atom(120.0, 0.0, 1.0), Atom(60.0, 1.0, 1.5)],
        ),
        (A.BeatData(np.array([0.5]), "s", None, None), "beat", [Atom(0.0, 0.5)]),
        (
            A.NoteData(SPANS, "s", np.array([440.0, 220.0]), "hz"),
            "pitchmidi",
            [Atom(69.0, 0.0, 1.0), Atom(57.0, 1.0, 1.5)],
        ),
        (
            A.F0Data(
                np.array([0.0, 0.1]),
                "s",
                np.array([440.0, 220.0]),
                "hz",
                np.array([1.0, 0.0]),
                "binary",
            ),
            "f0",
            [Atom([[69.0, 0.0]], [0.0, 0.1])],
        ),
        (
            A.MultiF0Data(
                np.array([0.0, 0.1, 0.2]), "s", [[440.0, 220.0], [], [880.0]], "hz"
            ),
            "f0multi",
            [Atom([[69.0, 0.0, 81.0], [57.0, 0.0, 0.0]], [0.0, 0.1, 0.2])],
        ),
    ],
)
def test_types(data: Any, kind: str, atoms: list[Atom]) -> None:
    found = converted("x", data)
    assert found is not None
    assert [(one.kind, one.atoms) for one in found] == [(kind, atoms)]


@pytest.mark.parametrize("nothing", ["", None, float("nan"), np.float64("inf"), []])
def test_nothing(nothing: Any) -> None:
    assert converted("x", nothing) == []


def test_units_of_time_and_pitch() -> None:
    spans = np.array([[0.0, 1000.0], [1001.1, 2500.0]])
    seconds = [(0.0, 1.0), (1.0011, 1.4989)]
    data = A.NoteData(spans, "ms", np.array([60.0, 61.5]), "midi")
    assert converted("x", data)[0].atoms == [
        Atom(60.0, *seconds[0]),
        Atom(61.5, *seconds[1]),
    ]
    data = A.BeatData(np.array([500.0]), "ms", None, None)
    assert converted("x", data)[0].atoms == [Atom(0.0, 0.5)]
    data = A.MultiF0Data(np.array([500.0, 510.0]), "ms", [[440.0], [440.0]], "hz")
    assert converted("x", data)[0].atoms == [Atom([[69.0, 69.0]], [0.5, 0.51])]
    hz = np.array([440.0, 220.0])
    ticks = A.NoteData(SPANS, "ticks", hz, "hz")
    classes = type("NoteData", (SimpleNamespace,), {})(
        intervals=SPANS, pitches=["A", "B"], pitch_unit="pc", confidence=None
    )
    for data, message in (
        (ticks, "its times are in 'ticks', which are not seconds"),
        (classes, "its pitches are in 'pc', which are not MIDI numbers"),
    ):
        with pytest.raises(UnknownUnit) as caught:
            converted("x", data)
        assert str(caught.value) == message


def test_velocity_and_confidence() -> None:
    pitches = np.array([60.0, 62.0])
    loud = A.NoteData(SPANS, "s", pitches, "midi", np.array([90.0, 40.0]), "velocity")
    notes, velocity = converted("x", loud)
    assert notes.atoms == [Atom(60.0, 0.0, 1.0), Atom(62.0, 1.0, 1.5)]
    assert velocity.kind == "velocity"
    assert velocity.atoms == [Atom(90.0, 0.0, 1.0), Atom(40.0, 1.0, 1.5)]
    sure = A.NoteData(SPANS, "s", pitches, "midi", np.array([0.5, 1.0]), "likelihood")
    (notes,) = converted("x", sure)
    assert [atom.confidence for atom in notes.atoms] == [0.5, 1.0]


def test_other_types_and_attributes() -> None:
    assert converted("x", {"a": 1}) is None

    class Track(SimpleNamespace):
        @property
        def audio(self) -> None:
            raise AssertionError("audio is not decoded here")

        @property
        def genre(self) -> str:
            return "pop"

        def to_jams(self) -> None: ...

    track = Track(track_id="1", audio_path="a.wav", beats_path="b.txt", title="t")
    assert attribute_names(track, "audio_path") == ["genre", "title"]
    assert "beatles" in mirdata.list_datasets()


def test_an_attribute_that_fails_does_not_lose_the_track(
    sound: Call, bring_in: Call
) -> None:
    """gtzan_genre: mirdata's loader of the tempo breaks under NumPy 2, those of genre and beats do not."""
    sound("home/genres/blues.00000.wav", 4.0)
    for name, text in (("beats", "0.5\t1\n1.0\t2\n"), ("bpm", "tempo\n")):
        Path(f"home/{name}.txt").write_text(text)
    paths = {
        "audio": ["genres/blues.00000.wav", None],
        "beats": ["beats.txt", None],
        "tempo": ["bpm.txt", None],
    }
    index = {"version": "1.0", "tracks": {"blues.00000": paths}}
    Path("index.json").write_text(json.dumps(index))
    report = bring_in(
        "mirdata", "home", "one", "dataset=gtzan_genre", "index=index.json"
    )
    entry = Corpus.open("one")["genres/blues.00000.wav"].entry
    assert entry.first("genre") == "blues"
    assert list(entry.annotations["beat"]) == [Atom(1.0, 0.5), Atom(2.0, 1.0)]
    (lost,) = report.left_out
    assert lost.message.startswith(
        "mirdata cannot load 'tempo' of the track 'blues.00000': "
    )
