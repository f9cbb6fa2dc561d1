from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data.pyjama import Atom, Definition, Entry, Pyjama
from mirbricks.errors import DataError, ErrorList

DEFINITIONS = {
    "filepath": {"type_extent": "global", "type_content": "text"},
    "tempo": {"type_extent": "global", "type_content": "numeric"},
    "beat": {"type_extent": "event", "type_content": "numeric"},
    "note": {"type_extent": "segment", "type_content": "numeric"},
    "f0": {"type_extent": "breakpoint", "type_content": "numeric"},
    "key": {
        "type_extent": "global",
        "type_content": "text",
        "type_constraint": "value_in_dictionary",
        "dictionary": ["major", "minor"],
    },
}


def raw(*entries: Any, definitions: Any = DEFINITIONS) -> dict[str, Any]:
    return {"schemaversion": 1.31, "collection": {"descriptiondefinition": definitions, "entry": list(entries)}}


def entry(path: str = "a.wav", **annotations: Any) -> dict[str, Any]:
    return {"filepath": [{"value": path}], **annotations}


@pytest.mark.parametrize("corpus", ["bach10", "maps", "covers80", pytest.param("billboard", marks=pytest.mark.slow)])
def test_real_files_come_back_byte_for_byte(data_root: Path, tmp_path: Path, corpus: str) -> None:
    path = data_root / corpus / f"{corpus}.pyjama"
    loaded = Pyjama.load(path)
    loaded.save(tmp_path / "again.pyjama")
    assert (tmp_path / "again.pyjama").read_bytes() == path.read_bytes()
    assert Pyjama.load(tmp_path / "again.pyjama") == loaded


def test_bach10_loads_fast(bach10: Path) -> None:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        pyjama = Pyjama.load(bach10 / "bach10.pyjama")
        best = min(best, time.process_time() - start)
    assert len(pyjama.entries) == 50
    assert best < 0.5


def test_bach10_ground_truth(bach10: Path) -> None:
    pyjama = Pyjama.load(bach10 / "bach10.pyjama")
    mix = next(e for e in pyjama.entries if e.filepath == "01-AchGottundHerr.wav")
    values, times_s = mix.breakpoints("f0multi")
    assert values.shape == (4, 2519)
    np.testing.assert_allclose(times_s, 0.023 + 0.01 * np.arange(2519), atol=1e-9)
    assert pyjama.definitions["f0multi"].row_name[3] == "f0_midi_bassoon"


def test_everything_is_kept(tmp_path: Path) -> None:
    source = raw(
        entry(
            tempo=[{"value": 72}, {"value": 72.0, "confidence": [0.1, None], "by": {"name": "Ä"}}],
            note=[{"value": 60, "time": 0, "duration": 1.5, "velocity": 64}],
            beat=[],
        )
    )
    source |= {"comment": "mine"}
    source["collection"]["licence"] = "CC0"
    source["collection"]["descriptiondefinition"] = {
        name: Definition.from_json(d | {"colour": "red"}).to_json() for name, d in DEFINITIONS.items()
    }
    (tmp_path / "x.pyjama").write_text(json.dumps(source))
    Pyjama.load(tmp_path / "x.pyjama").save(tmp_path / "y.pyjama")
    text = (tmp_path / "y.pyjama").read_text()
    assert json.loads(text) == source
    assert '{"value":72}' in text  # an int stays an int


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6)
names = st.text(min_size=1, max_size=5)
extras = st.dictionaries(names.filter(lambda n: n not in ("value", "time", "duration")), numbers | names, max_size=2)


@st.composite
def curves(draw: st.DrawFn) -> Atom:
    times_s = sorted(draw(st.sets(st.floats(0, 100), min_size=1, max_size=5)))
    row = st.lists(numbers, min_size=len(times_s), max_size=len(times_s))
    return Atom(draw(st.lists(row, min_size=1, max_size=3)), times_s, None, draw(extras))


@st.composite
def files(draw: st.DrawFn) -> Pyjama:
    entries = []
    for key in draw(st.sets(names, max_size=3)):
        notes = [
            Atom(draw(numbers), draw(numbers), abs(draw(numbers)), draw(extras)) for _ in range(draw(st.integers(0, 3)))
        ]
        entries.append(Entry({"filepath": (Atom(key),), "note": tuple(notes), "f0": (draw(curves()),)}))
    definitions = {name: Definition.from_json(d) for name, d in DEFINITIONS.items()}
    return Pyjama(definitions, entries, draw(st.sampled_from([1.31, "1.31"])), draw(extras.map(lambda e: {"extra": e})))


@settings(max_examples=50, deadline=None)
@given(files())
def test_load_after_save_is_the_same(tmp_path_factory: pytest.TempPathFactory, pyjama: Pyjama) -> None:
    path = tmp_path_factory.mktemp("round") / "x.pyjama"
    pyjama.save(path)
    assert Pyjama.load(path) == pyjama


def test_views_of_an_entry() -> None:
    one = Entry(
        {
            "filepath": (Atom("a.wav"),),
            "f0": (Atom([1, 2], [0, 1]), Atom([3], [2])),
            "note": (Atom(60, 0.5, 1), Atom(62, 2)),
        }
    )
    values, times_s = one.breakpoints("f0")
    np.testing.assert_array_equal(values, [[1, 2, 3]])
    np.testing.assert_array_equal(times_s, [0, 1, 2])
    midi, onsets_s, durations_s = one.segments("note")
    assert (midi, onsets_s.tolist(), durations_s.tolist()) == ([60, 62], [0.5, 2.0], [1.0, 0.0])
    assert (one.first("piece"), one.first("filepath")) == (None, "a.wav")
    assert [atom.end_s for atom in (*one.annotations["f0"], *one.annotations["note"], Atom("x"))] == [
        1,
        2,
        1.5,
        2,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{\n  "schemaversion": 1.31,\n  "collection": {,}\n}',
            "x.pyjama:3:18: not valid JSON: Expecting property name enclosed in double quotes\n"
            '    3 |   "collection": {,}\n'
            "      |                  ^\n"
            "  [E420]",
        ),
        (
            '{"a": "' + "x" * 300 + '" "b"}',
            "x.pyjama:1:310: not valid JSON: Expecting ',' delimiter\n  after  " + "x" * 58 + '" \n  [E420]',
        ),
        ("", "x.pyjama:1:1: not valid JSON: Expecting value\n  after  \n  [E420]"),
        ("\udcff", "'x.pyjama' is not UTF-8 text from byte 0 on\n  help: save it as UTF-8     [E420]"),
    ],
)
def test_invalid_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.pyjama").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as error:
        Pyjama.load("x.pyjama")
    assert str(error.value) == expected


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000])
def test_hostile_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.pyjama").write_text(text)
    with pytest.raises(DataError) as error:
        Pyjama.load(tmp_path / "x.pyjama")
    assert error.value.code == "E420"


def test_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        Pyjama.load("x.pyjama")
    assert str(error.value) == "there is no file 'x.pyjama'\n  help: check the path; the file is NAME.pyjama     [E400]"


def test_all_violations_in_one_pass_on_load_and_on_save(tmp_path: Path) -> None:
    path = tmp_path / "x.pyjama"
    path.write_text(json.dumps(raw(entry(tempo=[{"value": float("nan")}]), entry("b", nope=[]))))
    with pytest.raises(ErrorList) as errors:
        Pyjama.load(path)
    assert [error.code for error in errors.value.errors] == ["E426", "E422"]
    definitions = {name: Definition.from_json(d) for name, d in DEFINITIONS.items()}
    wrong = Pyjama(definitions, [Entry({"filepath": (Atom("a"),), "note": (Atom(1, 0.0, -1.0),)})])
    with pytest.raises(DataError) as error:
        wrong.save(tmp_path / "y.pyjama")
    assert error.value.code == "E425"
    assert not (tmp_path / "y.pyjama").exists()
