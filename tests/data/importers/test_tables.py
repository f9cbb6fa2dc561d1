"""Tables as people have them: quotation marks, encodings, tags in several cells or columns, formulas."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.data.importers.exporting import stored_items
from mirbricks.data.importers.table_reading import read_table
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.cells import guarded_cell
from mirbricks.errors import DataError

Call = Callable[..., Any]


@pytest.fixture
def values(bring_in: Call) -> Call:
    """values(text, "key=value", ...): key -> annotation -> values, of a table without audio; and the report."""

    def call(text: str | bytes, *settings: str) -> Any:
        data = text.encode() if isinstance(text, str) else text
        Path("t.csv").write_bytes(data)
        report = bring_in("csv", "t.csv", "one", *settings, audio=False)
        found = {}
        for stored in stored_items("one", False):
            names = dict(stored.entry.annotations)
            del names["filepath"]
            found[stored.key] = {n: [a.value for a in its] for n, its in names.items()}
        return found, report

    return call


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            'path,label\n0.wav,"unclosed\n1.wav,x\n2.wav,y\n',
            "t.csv:2:7",
            "the quotation mark is never closed",
        ),
        (
            'path,label\n0.wav,x\n1.wav,"y\n2.wav,"z"\n',
            "t.csv:3:7",
            "the quotation mark is never closed here, or closed within its cell",
        ),
        (
            'path;label\r\n0.wav;x\r\n1.wav; "y\r\n',
            "t.csv:3:8",
            "the quotation mark is never closed",
        ),
        ('"path,label\n0.wav,x\n', "t.csv:1:1", "the quotation mark is never closed"),
        (
            'path,label\n0.wav,"a" b\n',
            "t.csv:2:7",
            "the quotation mark is never closed here, or closed within its cell",
        ),
    ],
)
def test_a_quotation_mark_that_is_never_closed(
    text: str, place: str, message: str, values: Call
) -> None:
    with pytest.raises(DataError) as caught:
        values(text)
    assert str(caught.value.where) == place
    assert caught.value.message == message
    assert caught.value.code == "E463"
    assert "^" in str(caught.value)


def test_cells_over_several_lines_and_marks_inside_cells(values: Call) -> None:
    found, report = values('path,label\na.wav,"one\ntwo ""three"""\nb.wav,5" disc\n')
    assert found["a.wav"] == {"label": ['one\ntwo "three"']}
    assert found["b.wav"] == {"label": ['5" disc']}
    assert report.left_out == []


@pytest.mark.parametrize("mark", ["\u0085", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c"])
def test_what_is_no_line_break_cuts_no_row(mark: str, values: Call) -> None:
    found, _ = values(f"path,label,who\na.wav,dog{mark}bark,Ann\nb.wav,x,Bo\n")
    assert found["a.wav"] == {"label": [f"dog{mark}bark"], "who": ["Ann"]}
    assert found["b.wav"] == {"label": ["x"], "who": ["Bo"]}


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("utf-8", "Čiurlionis’ “Sea” – 5 €"),
        ("utf-8-sig", "Čiurlionis"),
        ("utf-16", "Čiurlionis’"),
        ("cp1252", "Dvorák’s “Rusalka” – 5 €…"),
        ("latin-1", "Dvorák\x81"),
    ],
)
def test_encodings(encoding: str, word: str, values: Call) -> None:
    found, _ = values(f"path,label\na.wav,{word}\n".encode(encoding))
    assert found == {"a.wav": {"label": [word]}}


def test_spaces_around_cells_are_not_part_of_them(values: Call) -> None:
    text = (
        'path , label,tags,n\n a.wav, dog ,x | y , 3\nb.wav,dog, y|x," 4"\nc.wav, ,,\n'
    )
    found, _ = values(text, "tags=tags")
    assert found == {
        "a.wav": {"label": ["dog"], "tags": ["x", "y"], "n": [3]},
        "b.wav": {"label": ["dog"], "tags": ["y", "x"], "n": [4]},
        "c.wav": {},
    }
    definitions = Pyjama.load("one/it.pyjama").definitions
    assert definitions["tags"].dictionary == ["x", "y"]


def test_tags_in_further_cells_as_mtg_jamendo_has_them(values: Call) -> None:
    text = (
        "TRACK_ID\tARTIST_ID\tPATH\tDURATION\tTAGS\n"
        "track_0000214\tartist_000014\t14/214.mp3\t124.6\tgenre---punkrock\n"
        "track_0000215\tartist_000014\t15/215.mp3\t151.4\tgenre---metal\tmood---dark\n"
    )
    found, report = values(text, "group=ARTIST_ID")
    assert found["15/215.mp3"] == {
        "TRACK_ID": ["track_0000215"],
        "piece": ["artist_000014"],
        "DURATION": [151.4],
        "TAGS": ["genre---metal", "mood---dark"],
    }
    assert found["14/214.mp3"]["TAGS"] == ["genre---punkrock"]
    assert report.left_out == []


def test_the_pitch_of_a_note_by_whatever_name(values: Call) -> None:
    found, _ = values("path,midi,length\na.wav,60,1\nb.wav,61.5,1\n", "pitch=midi")
    assert found == {
        "a.wav": {"pitchmidi": [60], "length": [1]},
        "b.wav": {"pitchmidi": [61.5], "length": [1]},
    }


def test_further_cells_of_a_column_that_the_user_names(values: Call) -> None:
    text = "path,label\na.wav,dog,rain\nb.wav,dog\n"
    found, _ = values(text, "tags=label")
    assert found == {"a.wav": {"label": ["dog", "rain"]}, "b.wav": {"label": ["dog"]}}


def test_columns_of_0_and_1_as_magnatagatune_has_them(values: Call) -> None:
    text = (
        '"clip_id"\t"no voice"\t"rock"\t"piano"\t"mp3_path"\n'
        '"2"\t"0"\t"1"\t"1"\t"f/a.mp3"\n"6"\t"0"\t"0"\t"0"\t"f/b.mp3"\n'
    )
    found, report = values(text)
    assert found == {
        "f/a.mp3": {"clip_id": [2], "tags": ["rock", "piano"]},
        "f/b.mp3": {"clip_id": [6], "tags": []},
    }
    definition = Pyjama.load("one/it.pyjama").definitions["tags"]
    assert definition.dictionary == ["no voice", "rock", "piano"]
    assert "3 columns of 0 and 1 (no voice, rock, piano) are the annotation 'tags'" in (
        report.notes
    )


def test_columns_of_0_and_1_as_numbers(values: Call) -> None:
    text = "path,rock,piano,loud,fold\na.wav,0,1,1,0\nb.wav,0,0,1,1\n"
    found, _ = values(text, "binary=", "fold=fold")
    assert found["a.wav"] == {"rock": [0], "piano": [1], "loud": [1], "fold": [0]}


def test_two_columns_of_0_and_1_stay_numbers(values: Call) -> None:
    found, _ = values("path,live,mono\na.wav,0,1\n")
    assert found == {"a.wav": {"live": [0], "mono": [1]}}


def test_numbered_columns(values: Call) -> None:
    found, _ = values("path,tag1,tag2,Tag 3,year 1\na.wav,x,,y,5\nb.wav,x,x,,6\n")
    assert found == {
        "a.wav": {"year 1": [5], "tag": ["x", "y"]},
        "b.wav": {"year 1": [6], "tag": ["x"]},
    }


def test_a_name_that_is_taken(values: Call) -> None:
    with pytest.raises(DataError) as caught:
        values("path,a,b,c,tags\na.wav,0,1,1,x\n")
    assert caught.value.message == "two columns of 't.csv' would be 'tags'"


def test_several_rows_of_a_recording(values: Call) -> None:
    found, report = values("path,label\na.wav,dog\nb.wav,x\na.wav,rain\n")
    assert found["a.wav"] == {"label": ["dog"]}
    assert str(report.left_out[0]) == (
        "'t.csv', line 4: 'a.wav' has a row already, in line 2\n"
        "  help: one row per recording: several labels go into one cell, with | between them (--set tags=COLUMN)"
        "     [E407]"
    )


LABELS = ["=1+1", "@sum", "-x", "+49 x", "'=1", "''=", "'tis", "-1.5", "a=b", "'", "-"]


def test_no_cell_is_a_formula_and_all_come_back(take_out: Call, bring_in: Call) -> None:
    entries = [
        Entry({"filepath": (Atom(f"{i}.wav"),), "label": (Atom(label),)})
        for i, label in enumerate(LABELS)
    ]
    text = Definition("global", "text")
    Pyjama({"filepath": text, "label": text}, entries).save("one/it.pyjama")
    take_out("csv", "one", "back", audio=False)
    rows = list(csv.reader(Path("back/meta.csv").read_text().splitlines()))
    cells = [row[1] for row in rows[1:]]
    assert cells[:4] == ["'=1+1", "'@sum", "'-x", "'+49 x"]
    assert not [cell for cell in cells if cell[0] in "=+@-" and cell != "-1.5"]
    bring_in("csv", "back/meta.csv", "two", audio=False)
    assert [s.entry.first("label") for s in stored_items("two", False)] == LABELS


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=12
).map(str.strip)


@settings(max_examples=100)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6),
    delimiter=st.sampled_from("\t;,"),
)
def test_what_csv_writes_is_read(
    rows: list[tuple[str, str]], delimiter: str, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["path", "label"])
        for row in rows:
            writer.writerow([guarded_cell(cell) for cell in row])
    table = read_table(path)
    assert [(c["path"][0], c["label"][0]) for _, c in table.rows] == rows
    assert table.errors == []
