"""Annotation files beside the audio: in, out and in again gives what came in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.contract import importer_of
from mirbricks.data.importers.exporting import stored_items
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.errors import DataError

Call = Callable[..., Any]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def atoms(corpus: str, key: str, name: str) -> list[Atom]:
    entry = next(stored.entry for stored in stored_items(corpus) if stored.key == key)
    return list(entry.annotations.get(name, ()))


def test_chords_and_parts(
    sound: Call, bring_in: Call, take_out: Call, same: Call
) -> None:
    sound("src/01. Mr. X.wav", 3.0), sound("src/alone.wav")
    Path("src/01. Mr. X.lab").write_text(
        "0.0 1.802 N\n# comment\n\n1.802 2.345678901 A:min/b3\n"
    )
    Path("src/01. Mr. X.part.lab").write_text("0\t1\tverse 1\n")
    Path("src/lost.lab").write_text("0 1 N\n")
    report = bring_in("lab", "src", "one", "annotations=chord,part")
    assert [str(error) for error in report.left_out] == [
        "'src/alone.wav' has no annotation: no .lab file of its name\n  [E465]",
        "'src/lost.lab' has no audio: no wav, flac, ogg or mp3 file of its name\n"
        "  help: --set audio=FOLDER says where the audio lies, --no-audio takes annotations alone     [E466]",
    ]
    key = "01. Mr. X.wav"
    assert atoms("one", key, "chord") == [
        Atom("N", 0.0, 1.802),
        Atom("A:min/b3", 1.802, 0.543678901),
    ]
    assert atoms("one", key, "part") == [Atom("verse 1", 0.0, 1.0)]
    take_out("lab", "one", "back", "annotations=chord,part")
    assert (
        Path("back/01. Mr. X.chord.lab").read_text()
        == "0.0\t1.802\tN\n1.802\t2.345678901\tA:min/b3\n"
    )
    bring_in("lab", "back", "two", "annotations=chord,part")
    same("one", "two")


def test_lab_with_the_audio_elsewhere_and_without(sound: Call, bring_in: Call) -> None:
    sound("wavs/a/x.ogg", 3.0)
    Path("labs/a").mkdir(parents=True)
    Path("labs/a/x.lab").write_text("0 1 N\n")
    bring_in("lab", "labs", "one", "audio=wavs")
    bring_in("lab", "labs", "two", audio=False)
    assert stored_items("one")[0].key == "a/x.ogg"
    assert (stored_items("two")[0].key, stored_items("two")[0].item) == ("a/x", None)


@pytest.mark.parametrize(
    ("kind", "name", "text", "expected"),
    [
        (
            "lab",
            "a.lab",
            "0 1 N\n1 2\n",
            "a.lab:2:1: expected onset, offset and label, got 2 of them\n    2 | 1 2\n      | ^",
        ),
        (
            "lab",
            "a.lab",
            "0 x N\n",
            "a.lab:1:3: expected a number, got 'x'\n    1 | 0 x N\n      |   ^",
        ),
        (
            "lab",
            "a.lab",
            "2 1.5 N\n",
            "a.lab:1:3: the offset 1.5 s is before the onset 2 s\n    1 | 2 1.5 N\n      |   ^^^",
        ),
        (
            "lab",
            "a.lab",
            "nan 1 N\n",
            "a.lab:1:1: expected a number, got 'nan'\n    1 | nan 1 N\n      | ^^^",
        ),
        (
            "notes",
            "a.tsv",
            "on\toff\tmidi\n0\t1\t440\n",
            "a.tsv:2:5: 440 is not a MIDI number, which are 0 to 127\n    2 | 0\t1\t440\n      |     ^^^\n"
            "  help: write pitches as MIDI numbers, 69 for 440 Hz; --set unit=hz reads Hz",
        ),
        (
            "notes",
            "a.tsv",
            "0 1 60 80\n0 1 60\n",
            "a.tsv:2:1: some lines have a velocity and some have none\n    2 | 0 1 60\n      | ^\n"
            "  help: give every line one, or none",
        ),
        (
            "notes",
            "a.tsv",
            "0 1\n",
            "a.tsv:1:1: expected onset, offset, midi and perhaps velocity, got 2 fields\n    1 | 0 1\n      | ^",
        ),
        (
            "midi",
            "a.mid",
            "hello",
            "'a.mid' is not a MIDI file that can be read: it does not begin with 'MThd'",
        ),
        ("jams", "a.jams", "{", "'a.jams' is not a JAMS file that can be read: "),
    ],
)
def test_annotations_that_cannot_be_read(
    kind: str, name: str, text: str, expected: str, sound: Call, bring_in: Call
) -> None:
    sound("a.wav", 1.0), sound("b.wav", 1.0)
    Path(name).write_text(text)
    message = refused(lambda: bring_in(kind, ".", "out"))
    assert message.startswith(f"nothing in '.' can be imported as '{kind}'")
    errors = list(importer_of(kind).recordings(Path()))
    assert str(errors[0]).startswith(expected)
    assert str(errors[0]).endswith("[E463]")
    assert isinstance(errors[1], DataError)
    assert errors[1].code == "E465"


def test_notes(sound: Call, bring_in: Call, take_out: Call, same: Call) -> None:
    sound("src/a.wav", 3.0), sound("src/b.wav", 3.0)
    Path("src/a.tsv").write_text(
        "# onset,offset,note,velocity\n0.500004,1.552440,43,80\n0.7,0.8,60.25,1\n"
    )
    Path("src/b.tsv").write_text("onset\toffset\tmidi\n0.1\t0.30000000000000004\t21\n")
    bring_in("notes", "src", "one")
    assert atoms("one", "a.wav", "pitchmidi") == [
        Atom(43, 0.500004, 1.052436),
        Atom(60.25, 0.7, 0.1),
    ]
    assert atoms("one", "a.wav", "velocity") == [
        Atom(80, 0.500004, 1.052436),
        Atom(1, 0.7, 0.1),
    ]
    take_out("notes", "one", "back")
    assert Path("back/a.tsv").read_text().splitlines()[:2] == [
        "onset\toffset\tmidi\tvelocity",
        "0.500004\t1.55244\t43\t80",
    ]
    bring_in("notes", "back", "two")
    same("one", "two")


@pytest.mark.parametrize("ending", [".tsv", ".txt", ".csv", ".TXT"])
def test_notes_have_any_of_three_endings(
    ending: str, sound: Call, bring_in: Call
) -> None:
    sound("src/a.wav", 3.0)
    # As the README has them: three words a line, and no heading.
    Path(f"src/a{ending}").write_text("0.5 1.5 43\n")
    # Other tables of the folder are not looked at, whatever their ending.
    for other in (".tsv", ".txt", ".csv"):
        if other != ending.lower():
            Path(f"src/about{other}").write_text("these are my recordings\n")
    bring_in("notes", "src", "one")
    assert atoms("one", "a.wav", "pitchmidi") == [Atom(43, 0.5, 1.0)]


def test_notes_beside_no_recording_are_named(sound: Call) -> None:
    sound("src/a.wav", 3.0)
    Path("src/b.txt").write_text("0.5 1.5 43\n")
    found = list(importer_of("notes").recordings(Path("src")))
    assert [str(one).partition("\n")[0] for one in found] == [
        "'src/a.wav' has no annotation: no .tsv or .txt or .csv file of its name",
        "'src/b.txt' has no audio: no wav, flac, ogg or mp3 file of its name",
    ]


def test_maps(sound: Call, bring_in: Call, take_out: Call, same: Call) -> None:
    for folder, name in (
        ("AkPnBcht/MUS", "MAPS_MUS-alb_se3_AkPnBcht"),
        ("Stb/ISOL", "MAPS_ISOL_NO_F_S0_M23_Stb"),
    ):
        sound(f"src/{folder}/{name}.wav", 3.0)
        Path(f"src/{folder}/{name}.txt").write_text(
            "OnsetTime\tOffsetTime\tMidiPitch\n0.500004\t1.55244\t43\n\n"
        )
    Path("src/readme.txt").write_text("hello")
    assert bring_in("maps", "src", "one").left_out == []
    entry = Corpus.open("one")["MAPS_MUS-alb_se3_AkPnBcht.wav"].entry
    assert (entry.first("piece"), entry.first("instrument")) == ("alb_se3", "AkPnBcht")
    assert stored_items("one")[1].entry.first("piece") is None
    assert take_out("maps", "one", "back").left_out == []
    bring_in("maps", "back", "two")
    same("one", "two")


def test_midi(sound: Call, bring_in: Call, take_out: Call, same: Call) -> None:
    sound("src/a.wav", 400.0)
    slow, fast = (
        mido.MetaMessage("set_tempo", tempo=1_000_000),
        mido.MetaMessage("set_tempo", tempo=250_000, time=480),
    )
    notes = mido.MidiTrack()
    for kind, channel, pitch, velocity, time in [
        ("note_on", 0, 60, 90, 240),  # 0.5 s
        (
            "note_on",
            0,
            60,
            70,
            240,
        ),  # 1.0 s: the same pitch again, before its first end
        ("note_on", 9, 38, 127, 0),  # drums
        ("note_on", 0, 60, 0, 480),  # 1.25 s: the tempo is four times as fast
        ("note_off", 0, 60, 64, 480),  # 1.5 s
        ("note_on", 3, 64, 10, 480 * 1200),  # 301.5 s
        ("note_on", 3, 65, 11, 480),  # 301.75 s, and never ended
        ("note_off", 3, 64, 0, 480),  # 302 s
    ]:
        notes.append(
            mido.Message(
                kind, channel=channel, note=pitch, velocity=velocity, time=time
            )
        )
    mido.MidiFile(
        ticks_per_beat=480, tracks=[mido.MidiTrack([slow, fast]), notes]
    ).save("src/a.mid")
    bring_in("midi", "src", "one")
    assert atoms("one", "a.wav", "pitchmidi") == [
        Atom(60, 0.5, 0.75),
        Atom(60, 1.0, 0.5),
        Atom(64, 301.5, 0.5),
        Atom(65, 301.75, 0.25),
    ]
    assert [atom.value for atom in atoms("one", "a.wav", "velocity")] == [
        90,
        70,
        10,
        11,
    ]
    take_out("midi", "one", "back")
    bring_in("midi", "back", "two")
    same("one", "two")


def test_notes_that_midi_can_only_just_hold(
    bring_in: Call, take_out: Call, same: Call
) -> None:
    """Overlaps of one pitch, a note of no length, microseconds."""
    spans = [
        (0.1, 2.0),
        (0.1, 1.0),
        (0.2, 0.3),
        (0.5, 0.0),
        (0.500001, 0.000001),
        (2.1, 1.0),
    ]
    notes = tuple(Atom(60, time, duration) for time, duration in sorted(spans))
    entry = Entry({"filepath": (Atom("a"),), "pitchmidi": notes})
    definitions = {
        "filepath": Definition("global", "text"),
        "pitchmidi": Definition("segment", "numeric"),
    }
    Pyjama(definitions, [entry]).save("one/it.pyjama")
    take_out("midi", "one", "back")
    bring_in("midi", "back", "two", audio=False)
    same("one", "two", "pitchmidi", audio=False)


def test_what_midi_cannot_hold(take_out: Call) -> None:
    entry = Entry({"filepath": (Atom("a"),), "pitchmidi": (Atom(60.5, 1.0, 1.0),)})
    definitions = {
        "filepath": Definition("global", "text"),
        "pitchmidi": Definition("segment", "numeric"),
    }
    Pyjama(definitions, [entry]).save("one/it.pyjama")
    report = take_out("midi", "one", "back")
    assert [str(error) for error in report.left_out] == [
        "'a': MIDI has no note 60.5 at 1.0 s\n  [E469]"
    ]


def test_jams(sound: Call, bring_in: Call, take_out: Call) -> None:
    sound("a.wav", 3.0)
    found = {
        "title": (Atom("Song"),),
        "tag_open": (Atom("loud"), Atom("fast")),
        "chord": (Atom("C:maj", 0.0, 1.5), Atom("N", 1.5, 0.25)),
        "segment": (Atom("verse", 0.0, 2.0),),
        "key": (Atom("C:major", 0.0, 2.0),),
        "beat": (Atom(1, 0.5), Atom(2, 1.0)),
        "pitchmidi": (Atom(60.0, 0.5, 0.25),),
        "tempo": (Atom(120.0, 0.0, 3.0, {"confidence": 0.5}),),
        "f0": (Atom([[0.0, 69.0, 60.5]], [0.0, 0.1, 0.2]),),
    }
    extents = {
        "title": "global",
        "tag_open": "global",
        "beat": "marker",
        "f0": "breakpoint",
    }
    text = ("title", "tag_open", "chord", "segment", "key")
    definitions = {
        n: Definition(extents.get(n, "segment"), "text" if n in text else "numeric")
        for n in found
    }
    definitions["filepath"] = Definition("global", "text")
    Pyjama(definitions, [Entry({"filepath": (Atom("a.wav"),), **found})]).save(
        "one/it.pyjama"
    )
    assert take_out("jams", "one", "back", audio=False).left_out == []
    Path("a.wav").rename("back/a.wav")
    bring_in("jams", "back", "two")
    entry = stored_items("two")[0].entry
    for name, expected in found.items():
        if name != "f0":
            assert list(entry.annotations[name]) == list(expected), name
    values, times = entry.breakpoints("f0")
    np.testing.assert_allclose(values, [[0.0, 69.0, 60.5]], atol=1e-9)
    assert times.tolist() == [0.0, 0.1, 0.2]
