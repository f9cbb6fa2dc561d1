"""JAMS files: every annotation that can be read, by its namespace; what is passed over is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.pitch import hz_of, pitch_fault
from mirbricks.data.pyjama.file import Atom

Call = Callable[..., Any]
Row = tuple[Any, ...]  # time, duration, value, and perhaps confidence


def annotation(namespace: str, *rows: Row, annotator: str = "") -> dict[str, Any]:
    data = [
        dict(
            zip(("time", "duration", "value", "confidence"), (*row, None), strict=False)
        )
        for row in rows
    ]
    about = {"annotator": {"name": annotator}, "data_source": ""}
    return {"namespace": namespace, "data": data, "annotation_metadata": about}


def write_jams(path: str, *annotations: dict[str, Any], title: str = "") -> None:
    about = {"title": title, "duration": 4.0, "jams_version": "0.3.4"}
    jam = {"file_metadata": about, "annotations": list(annotations), "sandbox": {}}
    Path(path).write_text(json.dumps(jam))


@pytest.fixture
def read(sound: Call, bring_in: Call) -> Call:
    """read(annotation, ...): the entry of an import of one file, and the report; a sound file lies beside it."""

    def call(*annotations: dict[str, Any], **options: Any) -> Any:
        sound("src/a.wav", 4.0), sound("src/good.wav", 4.0)
        write_jams("src/a.jams", *annotations)
        write_jams("src/good.jams", annotation("chord", (0, 4, "C:maj")))
        settings = [f"{key}={value}" for key, value in options.items()]
        report = bring_in("jams", "src", "one", *settings)
        corpus = Corpus.open("one")
        assert list(corpus["good.wav"].annotations["chord"]) == [
            Atom("C:maj", 0.0, 4.0)
        ]
        found = {item.key: item.entry for item in corpus.items}
        return found.get("a.wav"), report

    return call


def test_notes_of_one_annotator_come_together(read: Call) -> None:
    """One `note_midi` per string, as GuitarSet has them; a string without notes is one of them."""
    strings = [
        annotation("note_midi", (i / 2, 0.4, 40.1 + 5 * i, 0.5)) for i in (1, 0, 2)
    ]
    entry, report = read(*strings, annotation("note_midi"))
    assert list(entry.annotations["pitchmidi"]) == [
        Atom(40.1 + 5 * i, i / 2, 0.4, {"confidence": 0.5}) for i in range(3)
    ]
    assert (report.left_out, dict(report.notes)) == ([], {})


def test_another_annotator_is_another_annotation(read: Call) -> None:
    entry, _ = read(
        annotation("note_midi", (0, 1, 60), annotator="Ann"),
        annotation("note_hz", (0, 1, 440.0), annotator="Bo"),
        annotation("chord", (0, 1, "C:maj")),
        annotation("chord_harte", (0, 1, "A:min")),
        annotation("tag_open", (0, 0, "loud", 1.0)),
        annotation("tag_open", (0, 0, "fast"), (0, 0, "loud")),
    )
    found = {name: list(entry.annotations[name]) for name in entry.annotations}
    assert found == {
        "filepath": [Atom("a.wav")],
        "pitchmidi": [Atom(60, 0.0, 1.0)],
        "pitchmidi_2": [Atom(69.0, 0.0, 1.0)],
        "chord": [Atom("C:maj", 0.0, 1.0)],
        "chord_2": [Atom("A:min", 0.0, 1.0)],
        "tag_open": [Atom("loud", others={"confidence": 1.0}), Atom("fast")],
    }


@pytest.mark.parametrize("space", ["pitch_midi", "pitch_hz"])
def test_rows_of_the_old_namespaces_are_notes_or_a_curve(
    space: str, read: Call
) -> None:
    def pitch(midi: float) -> float:
        return hz_of(midi) if space == "pitch_hz" else midi

    entry, _ = read(
        annotation(space, (0, 1.0, pitch(60)), (1, 2.0, pitch(64)), (3, 0, pitch(72))),
        annotation(space, (0.5, 0, pitch(48), 0.5), (0.6, 0, 0, 1.0)),
    )
    notes = [
        (round(a.value, 6), a.time, a.duration) for a in entry.annotations["pitchmidi"]
    ]
    assert notes == [(60, 0.0, 1.0), (64, 1.0, 2.0)]
    assert [round(v) for v in entry.breakpoints("f0")[0][0]] == [72]
    assert [round(v) for v in entry.breakpoints("f0_2")[0][0]] == [48, 0]
    assert entry.annotations["f0_2"][0].confidence == [0.5, 1.0]


def test_several_pitches_at_one_time_are_several_rows(read: Call) -> None:
    def point(hz: float, voiced: bool = True) -> dict[str, Any]:
        return {"index": 0, "frequency": hz, "voiced": voiced}

    entry, _ = read(
        annotation(
            "pitch_contour",
            (0.0, 0, point(440.0)),
            (0.0, 0, point(880.0)),
            (0.1, 0, point(220.0)),
            (0.1, 0, point(110.0, voiced=False)),
        )
    )
    values, times = entry.breakpoints("f0multi")
    assert (values.tolist(), times.tolist()) == ([[69, 57], [81, 0]], [0.0, 0.1])


def test_beats(read: Call) -> None:
    value = {"position": 3, "measure": 1, "num_beats": 4, "beat_units": 4}
    entry, report = read(
        annotation("beat", (0.5, 0, None), (1.0, 0, 2, 0.5)),
        annotation("beat_position", (0.5, 0, value)),
    )
    assert list(entry.annotations["beat"]) == [
        Atom(0, 0.5),
        Atom(2, 1.0, None, {"confidence": 0.5}),
    ]
    assert list(entry.annotations["beat_2"]) == [Atom(3, 0.5)]
    assert list(report.notes) == [
        "JAMS namespace 'beat_position' read as 'beat': the positions alone"
    ]


def test_what_is_passed_over_is_named(read: Call) -> None:
    _, report = read(
        annotation("chord", (0, 4, "N")),
        annotation("onset", (0.1, 0, None)),
        annotation("mood_thayer", (0, 4, [0.1, 0.2])),
    )
    assert dict(report.notes) == {
        "JAMS namespace 'onset' is not read": 1,
        "JAMS namespace 'mood_thayer' is not read": 1,
    }


def test_a_recording_of_which_nothing_is_read_is_named(read: Call) -> None:
    entry, report = read(
        annotation("multi_segment"), annotation("onset", (0.1, 0, None))
    )
    assert set(entry.annotations) == {"filepath"}
    assert list(report.notes) == [
        "nothing is read of 'src/a.jams': JAMS namespaces 'multi_segment', 'onset'"
    ]


def test_annotated_as_empty_is_not_the_same_as_no_annotation(read: Call) -> None:
    entry, report = read(annotation("note_midi"), annotation("chord"))
    assert {name: len(entry.annotations[name]) for name in entry.annotations} == {
        "filepath": 1,
        "pitchmidi": 0,
        "chord": 0,
    }
    assert list(report.notes) == [
        "the annotation 'pitchmidi' is there and empty",
        "the annotation 'chord' is there and empty",
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (annotation("beat", (0.5, 0, float("nan"))), "E426"),
        (annotation("beat", (0.5, 0, "1")), "E423"),
        (annotation("beat", (float("inf"), 0, 1)), "E426"),
        (annotation("beat_position", (0.5, 0, {"bar": 1})), "E463"),
        (annotation("chord", (0, 1, "C", float("nan"))), "E426"),
        (annotation("chord", (1, -0.5, "C")), "E425"),
        (annotation("chord", (-1, 1.5, "C")), "E429"),
        (annotation("chord", (0, 1, {"a": "C"})), "E423"),
        (annotation("chord", (0, 1, 7)), "E423"),
        (annotation("tag_open", (0, 0, 3)), "E423"),
        (annotation("tag_open", (0, 0, {"a": 1})), "E423"),
        (annotation("pitch_midi", (0, 0, float("nan")), (0.1, 0, 60)), "E426"),
        (annotation("pitch_midi", (0, 0, "60")), "E463"),
        (annotation("pitch_contour", (0, 0, "60")), "E463"),
        (annotation("pitch_contour", (0, 0, {"frequency": 60})), "E463"),
        (annotation("note_hz", (0, 1, "440")), "E463"),
        (annotation("note_hz", (0, 1, float("nan"))), "E426"),
        (annotation("note_midi", (0, 1, 440.0)), "E463"),
        (annotation("note_midi", (0, 1, 10**400)), "E426"),
        (annotation("tempo", (0, 4, "120")), "E423"),
        (annotation("chord", (None, 1, "C")), "E463"),
        (annotation("chord", ("0:01", 1, "C")), "E463"),
        ({"namespace": "chord", "data": [7]}, "E463"),
        ({"namespace": ["chord"], "data": []}, "E463"),
        (7, "E463"),
    ],
)
def test_a_bad_annotation_costs_itself(bad: Any, code: str, read: Call) -> None:
    entry, report = read(bad)
    assert entry is None
    assert [error.code for error in report.left_out] == [code]
    assert "'src/a.jams'" in report.left_out[0].message


def test_the_others_of_its_file_come_in(read: Call) -> None:
    entry, report = read(
        annotation("note_hz", (0, 1, "440")), annotation("chord", (0, 1, "N"))
    )
    assert set(entry.annotations) == {"filepath", "chord"}
    assert [error.message for error in report.left_out] == [
        "'src/a.jams': an annotation in the namespace 'note_hz' cannot be read: TypeError: must be real number, not str"
    ]


BASS_HZ = (41.2, 55.0, 61.74, 82.41)


def test_hz_below_127_are_not_taken_for_midi(read: Call) -> None:
    rows = [(i / 2, 0.4, hz) for i, hz in enumerate(BASS_HZ)]
    entry, report = read(annotation("note_midi", *rows))
    assert entry is None
    assert str(report.left_out[0]) == (
        "'src/a.jams': annotation 'pitchmidi' of 'a.wav' cannot be used: its pitches look like Hz: 41.2 Hz is the "
        "note 28.00\n  help: write MIDI numbers, 69 for 440 Hz; if they are such numbers, --set unit=midi says so"
        "     [E463]"
    )


def test_unless_the_user_says_that_they_are_midi(read: Call) -> None:
    rows = [(i / 2, 0.4, hz) for i, hz in enumerate(BASS_HZ)]
    entry, report = read(annotation("note_midi", *rows), unit="midi")
    assert [atom.value for atom in entry.annotations["pitchmidi"]] == list(BASS_HZ)
    assert report.left_out == []


def test_what_looks_like_hz() -> None:
    assert pitch_fault(BASS_HZ, is_midi=False)
    assert pitch_fault([440.0], is_midi=True)
    for midi in ([], [0.0, -1.0], [60, 64, 67, 110, 55], [40.1, 45.1, 50.1], [60.5]):
        assert pitch_fault(midi, is_midi=False) is None
