"""A sweep of broken files: whatever they hold, the good recording beside them comes in and each bad one is named.

Every example is one import of a good file and eight broken ones. The quick sweep runs with the suite; the slow one
(`pytest -m slow`) draws twenty times as many.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirbricks.data.importers.contract import importer_of
from mirbricks.data.importers.exporting import stored_items
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import find_recordings
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import DataError

from .midi_bytes import meta, midi, note, track

N_BROKEN = 8
QUICK = 15
SLOW = 300

# What people and programs write where a time, a pitch or a label is expected.
NUMBERS = ["nan", "-1", "-0.015", "1e400", "inf", "", "x", "1e-320", "1,5", "٣", "0x10"]
VALUES = [
    None,
    True,
    -1,
    -0.015,
    float("nan"),
    float("inf"),
    10**400,
    1e308,
    "",
    "1",
    "text",
    "\ud800",
    [],
    [1, 2],
    [[]],
    {},
    {"a": 1},
]


@st.composite
def changed(draw: Any, whole: bytes) -> bytes:
    """Bytes cut short, with some of them replaced, put in or taken out."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.sampled_from(["replace", "insert", "delete", "cut"]))
        if kind == "replace" and data:
            data[place] = draw(st.sampled_from([0, 0x7F, 0x80, 0xFF, *range(256)]))
        elif kind == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "delete":
            del data[place : place + draw(st.integers(1, 4))]
        else:
            del data[place:]
    return bytes(data)


GOOD_MIDI = midi(
    track(meta(0x59, b"\x00\x00"), meta(0x51, b"\x07\xa1\x20"), note(0, 480)),
    track(note(480, 480, 62), note(0, 0, 64)),
)


def jam(*annotations: Any) -> dict[str, Any]:
    about = {"title": "", "duration": 4.0, "jams_version": "0.3.4"}
    return {"file_metadata": about, "annotations": list(annotations), "sandbox": {}}


SPACES = [
    "chord",
    "segment_open",
    "key_mode",
    "beat",
    "beat_position",
    "tempo",
    "note_midi",
    "note_hz",
    "pitch_midi",
    "pitch_hz",
    "pitch_contour",
    "tag_open",
    "onset",
    "no_such_space",
]


@st.composite
def broken_jams(draw: Any) -> bytes:
    rows = []
    for _ in range(draw(st.integers(0, 3))):
        row = {"time": 0.0, "duration": 1.0, "value": 60, "confidence": None}
        for name in draw(st.lists(st.sampled_from(list(row)), max_size=3)):
            row[name] = draw(st.sampled_from(VALUES))
        if draw(st.booleans()):
            row.pop(draw(st.sampled_from(list(row))))
        rows.append(row)
    annotation: Any = {"namespace": draw(st.sampled_from(SPACES)), "data": rows}
    if draw(st.integers(0, 9)) == 0:
        annotation[draw(st.sampled_from(list(annotation)))] = draw(
            st.sampled_from(VALUES)
        )
    text = json.dumps(jam(annotation, annotation)).encode()
    if draw(st.integers(0, 3)) == 0:
        return draw(changed(text))
    return text


@st.composite
def broken_rows(draw: Any) -> bytes:
    """Lines of onset, offset and a value, of which some are none."""
    lines = []
    for onset in range(draw(st.integers(1, 3))):
        words = [str(onset), str(onset + 1), "60"]
        words[draw(st.integers(0, 2))] = draw(st.sampled_from(NUMBERS))
        if draw(st.integers(0, 4)) == 0:
            words = words[: draw(st.integers(0, 2))]
        lines.append(draw(st.sampled_from(["\t", " ", ","])).join(words))
    text = draw(st.sampled_from(["\n", "\r\n", "\u2028", "\x00\n"])).join(lines)
    return text.encode(draw(st.sampled_from(["utf-8", "utf-16", "utf-8-sig"])))


def wav() -> bytes:
    file = io.BytesIO()
    ramp = np.linspace(-0.5, 0.5, 800, dtype=np.float32)
    soundfile.write(file, ramp, 8000, subtype="FLOAT", format="WAV")
    return file.getvalue()


WAV = wav()
GOOD_TEXT = b"0\t1\t60\n"
GOOD: dict[str, tuple[str, bytes, str, list[Atom]]] = {
    "midi": (".mid", midi(track(note(0, 480))), "pitchmidi", [Atom(60, 0.0, 0.5)]),
    "jams": (
        ".jams",
        json.dumps(jam({"namespace": "note_midi", "data": [{"time": 0, "duration": 1, "value": 60}]})).encode(),
        "pitchmidi",
        [Atom(60, 0.0, 1.0)],
    ),
    "lab": (".lab", GOOD_TEXT, "chord", [Atom("60", 0.0, 1.0)]),
    "notes": (".tsv", GOOD_TEXT, "pitchmidi", [Atom(60, 0.0, 1.0)]),
}  # fmt: skip
BROKEN = {
    "midi": changed(GOOD_MIDI),
    "jams": broken_jams(),
    "lab": broken_rows(),
    "notes": broken_rows(),
}


def sweep(kind: str, contents: list[bytes]) -> None:
    """One import of annotations: the good one is there, each other one is there or named."""
    ending, good, name, atoms = GOOD[kind]
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "src")
        source.mkdir()
        (source / f"good{ending}").write_bytes(good)
        for index, content in enumerate(contents):
            (source / f"bad{index}{ending}").write_bytes(content)
        importer = importer_of(kind, with_audio=False)
        found = find_recordings(importer, source)
        report = import_recordings(found, Path(place, "out"), "it")
        entries = {s.key: s.entry for s in stored_items(Path(place, "out"), False)}
    assert list(entries["good"].annotations[name]) == atoms
    named = " ".join(error.message for error in report.left_out)
    named += " ".join(str(error.where) for error in report.left_out)
    for index in range(len(contents)):
        assert f"bad{index}" in entries or f"bad{index}{ending}" in named
    assert ".pyjama" not in named


def sweep_audio(contents: list[bytes]) -> None:
    """One import of audio files, of which one is whole."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "src/c")
        source.mkdir(parents=True)
        (source / "good.wav").write_bytes(WAV)
        for index, content in enumerate(contents):
            (source / f"bad{index}.wav").write_bytes(content)
        found = find_recordings(importer_of("folders"), source.parent)
        report = import_recordings(found, Path(place, "out"), "it", How(n_jobs=1))
        keys = [s.key for s in stored_items(Path(place, "out"))]
    assert "c/good.wav" in keys
    named = " ".join(error.message for error in report.left_out)
    for index in range(len(contents)):
        assert f"c/bad{index}.wav" in keys or f"bad{index}.wav" in named


def sweep_table(cells: list[list[str]], mark: str) -> None:
    """One table: every row comes in or is named, unless the table is refused as a whole, at its line."""
    rows = [["path", "label"], ["good.wav", "dog"], *cells]
    text = mark.join(",".join(row) for row in rows)
    with tempfile.TemporaryDirectory() as place:
        table = Path(place, "t.csv")
        table.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            found = find_recordings(importer_of("csv", with_audio=False), table)
        except DataError as error:
            refused = error
        else:
            refused = None
        if refused is not None:
            assert refused.code == "E463"
            assert refused.where is not None
            assert refused.where.line >= 2
            return
        report = import_recordings(found, Path(place, "out"), "it")
        entries = {s.key: s.entry for s in stored_items(Path(place, "out"), False)}
    assert entries["good.wav"].first("label") == "dog"
    read = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True))[1:]
    told = [row for row in read if len(row) == 2 or any(map(str.strip, row))]
    assert len(entries) + len(report.left_out) == len(told)


def check(n_examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=n_examples, suppress_health_check=list(HealthCheck), deadline=None
    )


CONTENTS = {
    kind: st.lists(one, min_size=N_BROKEN, max_size=N_BROKEN)
    for kind, one in BROKEN.items()
}
HEADER = 120  # bytes: of these alone some are changed
BROKEN_WAV = changed(WAV[:HEADER]).map(lambda header: header + WAV[HEADER:])
AUDIO = st.lists(BROKEN_WAV, min_size=N_BROKEN, max_size=N_BROKEN)
CELL = st.sampled_from(
    ["a.wav", "", '"', '""', '"x"', '"x', 'x"', "=1", "../a", "\x00"]
)
TABLE = st.lists(st.lists(CELL, min_size=1, max_size=3), min_size=1, max_size=N_BROKEN)
MARKS = st.sampled_from(["\n", "\r\n", "\r", "\u2028\n"])


@pytest.mark.parametrize("kind", list(BROKEN))
def test_annotations(kind: str) -> None:
    check(QUICK)(given(CONTENTS[kind])(lambda contents: sweep(kind, contents)))()


def test_audio() -> None:
    check(QUICK)(given(AUDIO)(sweep_audio))()


def test_tables() -> None:
    check(4 * QUICK)(given(TABLE, MARKS)(sweep_table))()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(BROKEN))
def test_many_annotations(kind: str) -> None:
    check(SLOW)(given(CONTENTS[kind])(lambda contents: sweep(kind, contents)))()


@pytest.mark.slow
def test_many_audio_files_and_tables() -> None:
    check(SLOW)(given(AUDIO)(sweep_audio))()
    check(4 * SLOW)(given(TABLE, MARKS)(sweep_table))()
