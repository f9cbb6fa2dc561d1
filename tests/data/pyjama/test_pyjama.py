from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data.pyjama.file import Atom, Atoms, Definition, Entry, Pyjama
from mirbricks.errors import DataError, ErrorList

DEFINITIONS = {
    "filepath": {"type_extent": "global", "type_content": "text"},
    "tempo": {"type_extent": "global", "type_content": "numeric"},
    "beat": {"type_extent": "marker", "type_content": "numeric"},
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
    return {
        "schemaversion": 1.31,
        "collection": {"descriptiondefinition": definitions, "entry": list(entries)},
    }


def entry(path: str = "a.wav", **annotations: Any) -> dict[str, Any]:
    return {"filepath": [{"value": path}], **annotations}


@pytest.mark.parametrize(
    "corpus",
    ["bach10", "maps", "covers80", pytest.param("billboard", marks=pytest.mark.slow)],
)
def test_real_files_come_back_byte_for_byte(
    data_root: Path, tmp_path: Path, corpus: str
) -> None:
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
            tempo=[
                {"value": 72},
                {
                    "value": 72.0,
                    "confidence": 0.1,
                    "by": {"name": "Ä", "at": [1, None]},
                },
            ],
            note=[{"value": 60, "time": 0, "duration": 1.5, "velocity": 64}],
            beat=[],
        )
    )
    source |= {"comment": "mine"}
    source["collection"]["licence"] = "CC0"
    source["collection"]["descriptiondefinition"] = {
        name: Definition.from_json(d | {"colour": "red"}).to_json()
        for name, d in DEFINITIONS.items()
    }
    (tmp_path / "x.pyjama").write_text(json.dumps(source))
    Pyjama.load(tmp_path / "x.pyjama").save(tmp_path / "y.pyjama")
    text = (tmp_path / "y.pyjama").read_text()
    assert json.loads(text) == source
    assert '{"value":72}' in text  # an int stays an int


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(
    -(10**6), 10**6
)
names = st.text(min_size=1, max_size=5)
extras = st.dictionaries(
    names.filter(lambda n: n not in ("value", "time", "duration")),
    numbers | names,
    max_size=2,
)


@st.composite
def curves(draw: st.DrawFn) -> Atom:
    times_s = sorted(draw(st.sets(st.floats(0, 100), min_size=1, max_size=5)))
    row = st.lists(numbers, min_size=len(times_s), max_size=len(times_s))
    return Atom(
        draw(st.lists(row, min_size=1, max_size=3)), times_s, None, draw(extras)
    )


@st.composite
def files(draw: st.DrawFn) -> Pyjama:
    entries = []
    for key in draw(st.sets(names, max_size=3)):
        notes = [
            Atom(draw(numbers), draw(numbers), abs(draw(numbers)), draw(extras))
            for _ in range(draw(st.integers(0, 3)))
        ]
        entries.append(
            Entry(
                {
                    "filepath": (Atom(key),),
                    "note": tuple(notes),
                    "f0": (draw(curves()),),
                }
            )
        )
    definitions = {name: Definition.from_json(d) for name, d in DEFINITIONS.items()}
    return Pyjama(
        definitions,
        entries,
        draw(st.sampled_from([1.31, "1.31"])),
        draw(extras.map(lambda e: {"extra": e})),
    )


@settings(max_examples=50, deadline=None)
@given(files())
def test_load_after_save_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, pyjama: Pyjama
) -> None:
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
    assert (midi, onsets_s.tolist(), durations_s.tolist()) == (
        [60, 62],
        [0.5, 2.0],
        [1.0, 0.0],
    )
    assert (one.first("piece"), one.first("filepath")) == (None, "a.wav")
    assert [
        atom.end_s
        for atom in (*one.annotations["f0"], *one.annotations["note"], Atom("x"))
    ] == [
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
            "x.pyjama:1:310: not valid JSON: Expecting ',' delimiter\n  after  "
            + "x" * 58
            + '" \n  [E420]',
        ),
        ("", "x.pyjama:1:1: not valid JSON: Expecting value\n  after  \n  [E420]"),
        (
            "\udcff",
            "'x.pyjama' is not UTF-8 text from byte 0 on\n  help: save it as UTF-8     [E420]",
        ),
    ],
)
def test_invalid_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
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
    assert (
        str(error.value)
        == "there is no file 'x.pyjama'\n  help: check the path; the file is NAME.pyjama     [E400]"
    )


def test_all_violations_in_one_pass_on_load_and_on_save(tmp_path: Path) -> None:
    path = tmp_path / "x.pyjama"
    path.write_text(
        json.dumps(raw(entry(tempo=[{"value": float("nan")}]), entry("b", nope=[])))
    )
    with pytest.raises(ErrorList) as errors:
        Pyjama.load(path)
    assert [error.code for error in errors.value.errors] == ["E426", "E422"]
    definitions = {name: Definition.from_json(d) for name, d in DEFINITIONS.items()}
    wrong = Pyjama(
        definitions, [Entry({"filepath": (Atom("a"),), "note": (Atom(1, 0.0, -1.0),)})]
    )
    with pytest.raises(DataError) as error:
        wrong.save(tmp_path / "y.pyjama")
    assert error.value.code == "E425"
    assert not (tmp_path / "y.pyjama").exists()


SHARED = {
    "filepath": {"type_extent": "global", "type_content": "text"},
    "clock": {"type_extent": "breakpoint_time", "type_content": "numeric"},
    "loudness": {
        "type_extent": "breakpoint_value",
        "type_content": "numeric",
        "row_name": ["left", "right"],
    },
    "beat": {"type_extent": "event", "type_content": "numeric"},
}


def test_curves_that_share_their_times(tmp_path: Path) -> None:
    one = entry(
        clock=[{"value": [[0.0, 0.5, 1.0]]}],
        loudness=[{"value": [[1, 2, 3], [4.0, 5.0, 6.0]]}],
        beat=[{"value": 1, "time": 0.25}],
    )
    path = tmp_path / "x.pyjama"
    text = json.dumps(
        raw(
            one,
            definitions={
                k: Definition.from_json(d).to_json() for k, d in SHARED.items()
            },
        )
    )
    path.write_text(text.replace(": ", ":").replace(", ", ","))
    pyjama = Pyjama.load(path)
    values, times_s = pyjama.entries[0].breakpoints("loudness")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(times_s, [0, 0.5, 1])
    assert [
        pyjama.entries[0].end_s(name)
        for name in ("clock", "loudness", "beat", "filepath")
    ] == [
        1,
        None,
        0.25,
        None,
    ]
    assert (
        pyjama.definitions["beat"].type_extent,
        pyjama.definitions["beat"].extent,
    ) == ("event", "marker")
    pyjama.save(tmp_path / "y.pyjama")
    assert (tmp_path / "y.pyjama").read_bytes() == path.read_bytes()


def test_the_older_spelling_is_read_and_its_curves_are_turned(tmp_path: Path) -> None:
    """As the documentation of 1.31 has it: camel case, columns, a row of values for each time, entries first."""
    definitions = {
        "filepath": {
            "typeExtent": "global",
            "typeContent": "text",
            "typeConstraint": "filePath",
            "columnName": [],
        },
        "f0": {
            "typeExtent": "breakpoint",
            "typeContent": "numeric",
            "columnName": ["violin", "bassoon"],
            "isTable": True,
        },
        "kind": {
            "typeExtent": "global",
            "typeContent": "text",
            "typeConstraint": "valueInDictionary",
            "dictionary": ["a", "b"],
        },
    }
    one = entry(
        f0=[{"value": [[1, 4], [2, 5], [3, 6]], "time": [0.0, 0.1, 0.2]}],
        kind=[{"value": "a"}],
    )
    content = {
        "schemaversion": 1.31,
        "collection": {"entry": [one], "descriptiondefinition": definitions},
    }
    (tmp_path / "x.pyjama").write_text(json.dumps(content, indent=4))
    pyjama = Pyjama.load(tmp_path / "x.pyjama")
    assert pyjama.entries[0].annotations["f0"][0].value == [[1, 2, 3], [4, 5, 6]]
    assert pyjama.definitions["f0"].row_name == ["violin", "bassoon"]
    assert pyjama.definitions["f0"].others == {"is_table": True}
    assert pyjama.definitions["kind"].type_constraint == "value_in_dictionary"
    pyjama.save(tmp_path / "y.pyjama")
    assert Pyjama.load(tmp_path / "y.pyjama") == pyjama


def test_several_labels_confidence_and_comment() -> None:
    tags = (
        Atom(["rock", "blues"]),
        Atom("loud", others={"confidence": 0.5, "comment": "live"}),
    )
    one = Entry({"filepath": (Atom("a.wav"),), "tag": tags})
    assert one.values("tag") == ["rock", "blues", "loud"]
    assert [(atom.confidence, atom.comment) for atom in tags] == [
        (None, None),
        (0.5, "live"),
    ]


def test_what_can_be_used_of_a_file_with_violations(tmp_path: Path) -> None:
    path = tmp_path / "x.pyjama"
    path.write_text(
        json.dumps(
            raw(
                entry(tempo=[{"value": "fast"}], beat=[{"value": 1, "time": 2}]),
                {},
                entry(),
            )
        )
    )
    pyjama, errors = Pyjama.read(path)
    assert pyjama is not None
    assert [sorted(one.annotations) for one in pyjama.entries] == [["beat", "filepath"]]
    assert [error.code for error in errors] == ["E423", "E427", "E427"]
    path.write_text("[]")
    assert Pyjama.read(path)[0] is None


def test_atoms_give_back_what_they_hold() -> None:
    rows: list[dict[str, Any]] = [
        {"value": 60, "time": 0, "duration": 1.5},
        {"value": 61.0, "velocity": 3, "time": 2**70, "duration": 1.0},
        {"value": [[1.0, 2.0], [3.0, 4.0]], "time": [0, 0.5]},
        {"value": [[1, 2], [3.0, 4.0]], "comment": None},
    ]
    atoms = Atoms(rows)
    assert list(atoms.rows()) == rows
    assert [type(row["value"]) for row in atoms.rows()] == [int, float, list, list]
    assert json.dumps(list(atoms.rows())[3]["value"]) == "[[1, 2], [3.0, 4.0]]"
    assert [atom.to_json() for atom in atoms] == rows
    assert atoms[-1] == atoms[3] == Atom(rows[3]["value"], others={"comment": None})
    assert atoms[1:3] == tuple(atoms)[1:3]
    assert atoms == tuple(atoms)
    assert tuple(atoms) == atoms
    assert atoms != tuple(atoms)[:3]
    assert pickle.loads(pickle.dumps(atoms)) == atoms
    with pytest.raises(IndexError):
        atoms[4]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


atom_rows = st.fixed_dictionaries(
    {"value": json_values},
    optional=dict.fromkeys(("time", "duration", "x"), json_values),
)


@given(st.lists(atom_rows, max_size=5))
def test_atoms_give_back_any_json(rows: list[dict[str, Any]]) -> None:
    atoms = Atoms(rows)
    assert [dict(sorted(row.items())) for row in atoms.rows()] == [
        dict(sorted(row.items())) for row in rows
    ]
    again = [json.dumps(row, sort_keys=True) for row in atoms.rows()]
    assert again == [
        json.dumps(row, sort_keys=True) for row in rows
    ]  # 1 is not 1.0, nor true
    assert [json.dumps(atoms.row(i), sort_keys=True) for i in range(len(rows))] == again


def test_a_file_of_many_notes_stays_small(tmp_path: Path) -> None:
    """A twentieth of MAPS: an object a note would be 10 MB; columns are 24 bytes a note."""
    notes = [
        {"value": 21 + i % 88, "time": i / 7, "duration": 0.1} for i in range(25_000)
    ]
    (tmp_path / "x.pyjama").write_text(json.dumps(raw(entry(note=notes))))
    pyjama = Pyjama.load(tmp_path / "x.pyjama")
    assert len(pickle.dumps(pyjama)) < 25_000 * 26
    midi, onsets_s, durations_s = pyjama.entries[0].segments("note")
    assert (midi[88], onsets_s[7], durations_s[-1]) == (21, 1.0, 0.1)
    assert type(midi[0]) is int


@pytest.mark.parametrize(
    "text",
    [
        '{"schemaversion": 1.4, "collection": {"entry": [{}, ], "descriptiondefinition": {}}}',
        '{"schemaversion": 1.4, "collection": {"entry": [{}] "descriptiondefinition": {}}}',
        '{"schemaversion" 1.4}',
        '{"schemaversion": 1.4,}',
        '{"schemaversion": 1.4} x',
        '{"collection": {"entry": [',
        "{3: 4}",
        "{",
    ],
)
def test_invalid_json_is_placed_as_json_places_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    (tmp_path / "x.pyjama").write_text(text)
    with pytest.raises(DataError) as error:
        Pyjama.load(tmp_path / "x.pyjama")
    assert error.value.code == "E420"
    assert error.value.where is not None
    assert (error.value.where.line, error.value.where.column) == (
        expected.value.lineno,
        expected.value.colno,
    )
    assert error.value.message == f"not valid JSON: {expected.value.msg}"
