from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.pyjama.atoms_check import atom_fault
from mirbricks.data.pyjama.check import MAX_LISTED, violations

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


def said(*entries: Any, definitions: Any = DEFINITIONS) -> list[str]:
    """The messages for a file 'x.pyjama'."""
    return [
        str(error)
        for error in violations(raw(*entries, definitions=definitions), "x.pyjama")
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], ["'x.pyjama': expected a JSON object, got a list\n  [E421]"]),
        (
            {"schemaversion": 1.31, "colection": {}},
            [
                "'x.pyjama': expected an object under 'collection', got nothing\n"
                "  help: did you mean 'colection'?     [E421]"
            ],
        ),
        (
            {"collection": {"entries": [], "descriptiondefinition": 3}},
            [
                "'x.pyjama': has no 'schemaversion'\n"
                "  help: add it: 1.4 is the version described in mirbricks.data.pyjama.file     [E421]",
                "'x.pyjama': expected an object under 'collection.descriptiondefinition', got a number\n  [E421]",
                "'x.pyjama': expected a list under 'collection.entry', got nothing\n"
                "  help: did you mean 'entries'?     [E421]",
            ],
        ),
    ],
)
def test_wrong_outer_form(content: Any, expected: list[str]) -> None:
    assert [str(error) for error in violations(content, "x.pyjama")] == expected


def test_wrong_definitions() -> None:
    definitions = {
        "a": 3,
        "b": {"type_extent": "segments", "type_content": "number", "dictionary": "x"},
    }
    assert said(definitions=definitions) == [
        "'x.pyjama': definition 'a': expected an object, got a number\n  [E421]",
        "'x.pyjama': definition 'b': 'type_extent' is 'segments', expected global, marker, segment, breakpoint, "
        "breakpoint_time or breakpoint_value\n  help: did you mean 'segment'?     [E421]",
        "'x.pyjama': definition 'b': 'type_content' is 'number', expected text or numeric\n"
        "  help: did you mean 'numeric'?     [E421]",
        "'x.pyjama': definition 'b': expected a list under 'dictionary'\n  [E421]",
    ]


def test_unknown_annotation() -> None:
    assert said(entry(noted=[]), entry("b.wav", zzz=[])) == [
        "'x.pyjama': entry 'a.wav', annotation 'noted' is not in 'descriptiondefinition'\n"
        "  help: did you mean 'note'?     [E422]",
        "'x.pyjama': entry 'b.wav', annotation 'zzz' is not in 'descriptiondefinition'\n"
        "  help: define it, or use one of: filepath, tempo, beat, note, f0, key     [E422]",
    ]


def test_filepaths() -> None:
    assert said({}, entry(), entry(), {"filepath": [{"value": ""}]}, 5) == [
        "'x.pyjama': entry 0 has no filepath\n"
        '  help: add the key of its audio: "filepath": [{"value": "NAME.wav"}]     [E427]',
        "'x.pyjama': two entries have the filepath 'a.wav'\n  help: join them, or rename one     [E427]",
        "'x.pyjama': entry 3 has no filepath\n"
        '  help: add the key of its audio: "filepath": [{"value": "NAME.wav"}]     [E427]',
        "'x.pyjama': entry 4: expected an object, got a number\n  [E421]",
    ]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "atom", "fault", "code"),
    [
        ("tempo", 3, "expected an object with a 'value', got a number", "E423"),
        (
            "tempo",
            {"time": 1},
            "expected an object with a 'value', got an object",
            "E423",
        ),
        (
            "tempo",
            {"value": "fast"},
            "expected a number as 'value', got 'fast'",
            "E423",
        ),
        ("tempo", {"value": True}, "expected a number as 'value', got 'True'", "E423"),
        ("tempo", {"value": NAN}, "'value' is NaN or infinite", "E426"),
        ("tempo", {"value": 10**400}, "'value' is NaN or infinite", "E426"),
        (
            "tempo",
            {"value": [[1, 2], ["3"]]},
            "expected a number as 'value', got '[[1, 2], ['3']]'",
            "E423",
        ),
        ("tempo", {"value": []}, "expected a number as 'value', got '[]'", "E423"),
        (
            "tempo",
            {"value": 1, "confidence": "high"},
            "expected a number as 'confidence', got 'high'",
            "E423",
        ),
        (
            "tempo",
            {"value": 1, "confidence": NAN},
            "'confidence' is NaN or infinite",
            "E426",
        ),
        (
            "tempo",
            {"value": 1, "comment": 3},
            "expected a text as 'comment', got '3'",
            "E423",
        ),
        (
            "filepath",
            {"value": [1, 2]},
            "expected a text as 'value', got '[1, 2]'",
            "E423",
        ),
        (
            "tempo",
            {"value": 1, "weight": {"x": [INF]}},
            "a field of the atom is NaN or infinite",
            "E426",
        ),
        ("filepath", {"value": 3}, "expected a text as 'value', got '3'", "E423"),
        (
            "beat",
            {"value": 1},
            "expected a number of seconds as 'time', got nothing",
            "E423",
        ),
        ("beat", {"value": 1, "time": INF}, "'time' is NaN or infinite", "E426"),
        (
            "note",
            {"value": 1, "time": 1},
            "expected a number of seconds as 'duration', got nothing",
            "E423",
        ),
        (
            "note",
            {"value": 1, "time": 1, "duration": "2"},
            "expected a number of seconds as 'duration', got '2'",
            "E423",
        ),
        (
            "note",
            {"value": 1, "time": 1, "duration": -0.5},
            "the duration is negative: -0.5 s",
            "E425",
        ),
        (
            "f0",
            {"value": 1, "time": [1]},
            "expected a list of values or of rows as 'value', got '1'",
            "E423",
        ),
        (
            "f0",
            {"value": [1], "time": 1},
            "expected a list of seconds as 'time', got a number",
            "E423",
        ),
        (
            "f0",
            {"value": [[1, 2], [1]], "time": [0, 1]},
            "row 1 of 'value' has 1 values for 2 times",
            "E424",
        ),
        (
            "f0",
            {"value": [[1, "2"]], "time": [0, 1]},
            "row 0 of 'value' holds something that is not a number",
            "E423",
        ),
        (
            "f0",
            {"value": [[1, True]], "time": [0, 1]},
            "row 0 of 'value' holds something that is not a number",
            "E423",
        ),
        (
            "f0",
            {"value": [1, 2], "time": [0, INF]},
            "'time' has NaN or infinity",
            "E426",
        ),
        (
            "f0",
            {"value": [1], "time": [0], "duration": [1]},
            "expected a number of seconds as 'duration', got '[1]'",
            "E423",
        ),
    ],
)
def test_wrong_atoms(name: str, atom: Any, fault: str, code: str) -> None:
    faulty = entry()
    faulty.setdefault(name, []).append(atom)
    place = f"atom {len(faulty[name]) - 1}"
    assert said(faulty) == [
        f"'x.pyjama': entry 'a.wav', annotation '{name}', {place}: {fault}\n  [{code}]"
    ]


def test_faults_with_help() -> None:
    wrong = entry(
        f0=[{"value": [1, NAN], "time": [0, 1]}, {"value": [1, 2], "time": [1, 1]}],
        key=[{"value": "Major"}],
    )
    assert said(wrong) == [
        "'x.pyjama': entry 'a.wav', annotation 'f0', atom 0: row 0 of 'value' has NaN or infinity\n"
        "  help: use 0 where there is no value     [E426]",
        "'x.pyjama': entry 'a.wav', annotation 'f0', atom 1: the times do not increase: 1 s, then 1 s\n"
        "  help: sort them     [E424]",
        "'x.pyjama': entry 'a.wav', annotation 'key', atom 0: the value 'Major' is not in the dictionary of the "
        "definition\n  help: did you mean 'major' or 'minor'?     [E428]",
    ]


@pytest.mark.parametrize("value", [[], [[]], [[], []]])
def test_a_curve_without_a_single_value(value: list[Any]) -> None:
    assert said(entry(f0=[{"value": value, "time": []}])) == [
        "'x.pyjama': entry 'a.wav', annotation 'f0', atom 0: 'time' is empty\n"
        "  help: leave the atom out where nothing is annotated     [E424]"
    ]


def test_atoms_of_a_curve_continue_each_other() -> None:
    first = {"value": [[1, 2], [3, 4]], "time": [0, 1]}
    assert (
        said(
            entry(
                f0=[
                    first,
                    {"value": [[1], [2]], "time": [1.5]},
                    {"value": [[1], [2]], "time": [2]},
                ]
            )
        )
        == []
    )
    assert said(entry(f0=[first, {"value": [1], "time": [2]}])) == [
        "'x.pyjama': entry 'a.wav', annotation 'f0', atom 1: the number of rows of 'value' is 1, in the atom before 2\n"
        "  help: give every atom all rows, with 0 where one has no value     [E424]"
    ]
    assert said(entry(f0=[first, {"value": [[5], [6]], "time": [1]}])) == [
        "'x.pyjama': entry 'a.wav', annotation 'f0', atom 1: it begins at 1 s, the atom before ends at 1 s\n"
        "  help: sort the atoms by time; curves of the same time are rows of one atom     [E424]"
    ]


def test_notes_may_stand_in_any_order_and_together() -> None:
    assert (
        said(
            entry(
                note=[
                    {"value": 1, "time": time_s, "duration": 1} for time_s in (2, 0, 0)
                ]
            )
        )
        == []
    )


def test_equal_faults_are_counted_and_long_lists_cut() -> None:
    many = entry(note=[{"value": 1, "time": 0, "duration": -1}] * 7)
    assert said(many) == [
        "'x.pyjama': entry 'a.wav', annotation 'note', atom 0: the duration is negative: -1 s\n"
        "  also  6 more atoms of this annotation\n  [E425]"
    ]
    errors = said(*(entry(f"{i}.wav", oops=[]) for i in range(MAX_LISTED + 10)))
    assert len(errors) == MAX_LISTED
    assert "  more  10 violations that are not listed\n" in errors[-1]


def test_nan_outside_the_entries() -> None:
    definitions = DEFINITIONS | {
        "x": {"type_extent": "global", "type_content": "numeric", "dictionary": [NAN]}
    }
    assert said(definitions=definitions) == [
        "'x.pyjama': a number outside the entries is NaN or infinite\n  [E426]"
    ]


def test_versions() -> None:
    def of(version: Any) -> list[str]:
        return [
            str(error)
            for error in violations({**raw(), "schemaversion": version}, "x.pyjama")
        ]

    assert [of(version) for version in (1.31, 1.4, "1.4", 1)] == [[]] * 4
    assert of("two") == [
        "'x.pyjama': 'schemaversion' is 'two', expected 1.x\n  help: known are 1.31 and 1.4     [E421]"
    ]
    assert len(of(2.0)) == len(of(None)) == len(of(True)) == len(of([1.4])) == 1


def test_constraints_and_dictionaries() -> None:
    word = {
        "type_extent": "global",
        "type_content": "text",
        "type_constraint": "value_in_dictionary",
    }
    pitch = {
        "type_extent": "segment",
        "type_content": "numeric",
        "type_constraint": "value_in_dictionary",
    }
    definitions = {
        "free": word | {"type_constraint": "in_dictionary"},
        "none": word,
        "numbers": word | {"dictionary": [1]},
        "twice": word | {"dictionary": ["a", "b", "a"]},
        "bounds": pitch | {"dictionary": [127, 0]},
        "rows": {
            "type_extent": "breakpoint",
            "type_content": "numeric",
            "row_name": [1],
        },
    }
    assert said(definitions=definitions) == [
        "'x.pyjama': definition 'free': 'type_constraint' is 'in_dictionary', expected free, filepath or "
        "value_in_dictionary\n  help: did you mean 'value_in_dictionary'?     [E421]",
        "'x.pyjama': definition 'none': 'dictionary' is empty, so no value is allowed\n"
        "  help: list the words allowed     [E421]",
        "'x.pyjama': definition 'numbers': 'dictionary' holds something that is not a text\n  [E421]",
        "'x.pyjama': definition 'twice': 'dictionary' holds 'a' twice\n  help: keep one of them     [E421]",
        "'x.pyjama': definition 'bounds': 'dictionary' is '[127, 0]', expected the lowest and highest number\n"
        '  help: such as "dictionary": [0, 127]     [E421]',
        "'x.pyjama': definition 'rows': 'row_name' holds something that is not a text\n  [E421]",
    ]
    definitions = DEFINITIONS | {
        "pitch": pitch | {"dictionary": [0, 127]},
        "tag": word | {"dictionary": ["a", "b"]},
    }
    fine = entry(
        pitch=[{"value": 60, "time": 0, "duration": 1}],
        tag=[{"value": ["a", "b"]}, {"value": "a"}],
    )
    assert said(fine, definitions=definitions) == []
    wrong = entry(
        pitch=[{"value": 128.5, "time": 0, "duration": 1}], tag=[{"value": ["a", "c"]}]
    )
    assert said(wrong, definitions=definitions) == [
        "'x.pyjama': entry 'a.wav', annotation 'pitch', atom 0: the value 128.5 is not from 0 to 127\n  [E428]",
        "'x.pyjama': entry 'a.wav', annotation 'tag', atom 0: the value 'c' is not in the dictionary of the "
        "definition\n  [E428]",
    ]


def test_rows_and_their_names() -> None:
    definitions = DEFINITIONS | {
        "f0": {
            "type_extent": "breakpoint",
            "type_content": "numeric",
            "row_name": ["violin", "bassoon"],
        },
        "mfcc": {
            "type_extent": "global",
            "type_content": "numeric",
            "row_name": ["m1", "m2", "m3"],
        },
    }
    place = "'x.pyjama': entry 'a.wav', annotation"
    assert said(
        entry(f0=[{"value": [[1, 2]], "time": [0, 1]}], mfcc=[{"value": [[1, 2]]}]),
        definitions=definitions,
    ) == [
        f"{place} 'f0', atom 0: 'value' has 1 rows for 2 names in 'row_name'\n"
        "  help: give every row its name, in this order, or leave 'row_name' empty     [E424]",
        f"{place} 'mfcc', atom 0: 'value' has 2 numbers for 3 names in 'row_name'\n  [E424]",
    ]
    turned = entry(f0=[{"value": [[1, 2], [1, 2], [1, 2]], "time": [0, 1, 2]}])
    assert said(turned, definitions=definitions) == [
        f"{place} 'f0', atom 0: row 0 of 'value' has 2 values for 3 times\n"
        "  help: write a row for each curve, with a value for each time: (rows, times)     [E424]"
    ]
    fine = entry(
        mfcc=[{"value": [[1], [2], [3]]}, {"value": [1, 2, 3]}, {"value": [[1, 2, 3]]}]
    )
    assert said(fine, definitions=definitions) == []


def test_times_that_curves_share() -> None:
    definitions = {
        "filepath": {"type_extent": "global", "type_content": "text"},
        "clock": {"type_extent": "breakpoint_time", "type_content": "text"},
        "loudness": {"type_extent": "breakpoint_value", "type_content": "numeric"},
    }
    clock, place = [{"value": [[0, 1, 2]]}], "'x.pyjama': entry 'a.wav', annotation"

    def told(**annotations: Any) -> list[str]:
        return [
            text.removeprefix(place)
            for text in said(entry(**annotations), definitions=definitions)
        ]

    assert told(clock=clock, loudness=[{"value": [[1, 2, 3], [4, 5, 6]]}]) == []
    assert told(clock=clock, loudness=[{"value": [[1, 2]]}]) == [
        " 'loudness', atom 0: row 0 of 'value' has 2 values for 3 times\n  [E424]"
    ]
    assert told(loudness=[{"value": [[1]]}]) == [
        " 'loudness', atom 0: the entry has no breakpoint_time that says when the values hold\n"
        "  help: give the entry a breakpoint_time annotation, or the definition the extent 'breakpoint'     [E424]"
    ]
    assert told(clock=[{"value": [[0, 1], [2, 3]]}]) == [
        " 'clock', atom 0: 'value' has 2 rows, expected one row of times\n  help: a row holds all times     [E424]"
    ]
    assert told(clock=[{"value": [[0, 2, 1]]}]) == [
        " 'clock', atom 0: the times do not increase: 2 s, then 1 s\n  help: sort them     [E424]"
    ]
    assert told(clock=[{"value": [["0"]]}])[0].startswith(
        " 'clock', atom 0: row 0 of 'value' holds something that"
    )
    assert told(clock=[{"value": [[]]}]) == [
        " 'clock', atom 0: 'value' is empty\n  help: leave the atom out where nothing is annotated     [E424]"
    ]
    assert told(clock=clock * 2) == [
        " 'clock', atom 1: expected one atom\n  help: put all times, and all rows, in one atom     [E424]"
    ]


def test_a_text_may_go_with_numbers_in_a_list_or_a_curve() -> None:
    definitions = DEFINITIONS | {
        "word": {"type_extent": "segment", "type_content": "text"},
        "state": {"type_extent": "breakpoint", "type_content": "text"},
    }
    fine = entry(
        word=[{"value": [440.0, "la"], "time": 0, "duration": 1}],
        state=[{"value": [["a", 1]], "time": [0, 1]}],
    )
    assert said(fine, definitions=definitions) == []


@given(st.lists(st.sampled_from(range(7)), max_size=8))
def test_the_sweep_over_columns_sees_what_the_walk_over_atoms_sees(
    kinds: list[int],
) -> None:
    """Notes of which some are wrong: the same violations, whatever stands beside them."""
    good = {"value": 60, "time": 0.5, "duration": 0}
    wrong = [
        {},
        {"value": "x"},
        {"time": INF},
        {"duration": -1},
        {"duration": None},
        {"value": NAN},
        {"time": True},
    ]
    notes = [{**good, **wrong[kind]} for kind in kinds]
    faults = [
        fault for note in notes if (fault := atom_fault(note, DEFINITIONS["note"]))
    ]
    assert {text.rpartition("[")[2] for text in said(entry(note=notes))} == {
        f"{code}]" for code, _, _ in faults
    }
