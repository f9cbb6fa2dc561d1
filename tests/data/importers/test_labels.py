"""Layouts that label whole recordings, folders and tables: in, out and in again gives what came in."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.exporting import stored_items
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import DataError

Call = Callable[..., Any]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def atoms(corpus: str, key: str, name: str) -> list[Atom]:
    entry = next(stored.entry for stored in stored_items(corpus) if stored.key == key)
    return list(entry.annotations.get(name, ()))


def test_folders(sound: Call, bring_in: Call, take_out: Call, same: Call) -> None:
    (
        sound("src/001 - Dog bark/a b.flac"),
        sound("src/002 - Rain/deep/c.wav"),
        sound("src/loose.wav"),
    )
    Path("src/README.md").write_text("about")
    Path("src/001 - Dog bark/x.m4a").touch()
    report = bring_in("folders", "src", "one")
    assert [error.message for error in report.left_out] == [
        "'src/loose.wav' does not lie in CLASS/",
        "'src/001 - Dog bark/x.m4a' is audio of a kind that is not read",
    ]
    corpus = Corpus.open("one")
    assert [item.key for item in corpus.items] == [
        "001 - Dog bark/a b.flac",
        "002 - Rain/deep/c.wav",
    ]
    assert corpus.pyjama.definitions["class"].dictionary == [
        "001 - Dog bark",
        "002 - Rain",
    ]
    assert take_out("folders", "one", "back").left_out == []
    bring_in("folders", "back", "two")
    same("one", "two", ending=".flac")


def test_folders_of_several_levels(
    sound: Call, bring_in: Call, take_out: Call, same: Call
) -> None:
    sound("src/train/pop/a.wav"), sound("src/test/pop/a.wav")
    bring_in("folders", "src", "one", "levels=split,genre")
    assert atoms("one", "test/pop/a.wav", "split") == [Atom("test")]
    take_out("folders", "one", "back", "levels=split,genre")
    bring_in("folders", "back", "two", "levels=split,genre")
    same("one", "two")
    report = take_out(
        "folders", "one", "other", "levels=genre"
    )  # put into pop/, whatever the key is
    assert sorted(str(path) for path in Path("other").rglob("*.wav")) == [
        "other/pop/test/pop/a.wav",
        "other/pop/train/pop/a.wav",
    ]
    assert [error.message for error in report.left_out] == [
        "'folders' has no place for the annotation 'split' of 2 recordings"
    ]


def test_no_levels_is_a_plain_folder_of_audio(sound: Call, bring_in: Call) -> None:
    sound("src/a.wav")
    bring_in("folders", "src", "one", "levels=")
    assert set(Corpus.open("one")["a.wav"].annotations) == {"filepath"}


def test_labels_that_are_no_folders(
    sound: Call, bring_in: Call, take_out: Call
) -> None:
    sound("src/a.wav"), sound("src/b.wav"), sound("src/c.wav")
    Path("src/t.csv").write_text("path,class\na.wav,R&B/Soul\nb.wav,\nc.wav,..\n")
    bring_in("csv", "src/t.csv", "one")
    assert [str(error) for error in take_out("folders", "one", "back").left_out] == [
        "'R&B/Soul', the class of 'a.wav', cannot be the name of a folder\n  [E469]",
        "'b.wav' has no annotation 'class', which is to be its folder\n  [E469]",
        "'../c.wav' is not a path inside the folder of the export\n  help: rename it     [E469]",
    ]


TABLE = """path,fold,label,tags,code,loud,who
a/x 1.ogg,1,dog,animal|loud,007,-1.5,Ann
b.wav,2,"rain, heavy",,12,3,Bo
"""


def test_a_table(sound: Call, bring_in: Call, take_out: Call, same: Call) -> None:
    sound("src/a/x 1.ogg"), sound("src/b.wav"), sound("src/alone.wav")
    Path("src/meta.csv").write_text(TABLE)
    report = bring_in("csv", "src/meta.csv", "one", "tags=tags", "group=who")
    assert [error.message for error in report.left_out] == [
        "'src/alone.wav' has no annotation: no row of the table"
    ]
    first, second = (stored.entry for stored in stored_items("one"))
    assert [
        first.first(name) for name in ("fold", "label", "code", "loud", "piece")
    ] == [1, "dog", "007", -1.5, "Ann"]
    assert [atom.value for atom in first.annotations["tags"]] == ["animal", "loud"]
    assert (second.first("label"), second.first("tags"), second.first("loud")) == (
        "rain, heavy",
        None,
        3,
    )
    assert Corpus.open("one")["b.wav"].group == "Bo"
    take_out("csv", "one", "back")
    rows = list(
        csv.reader(Path("back/meta.csv").read_text(encoding="utf-8").splitlines())
    )
    assert rows[1] == ["a/x 1.wav", "1", "dog", "animal|loud", "007", "-1.5", "Ann"]
    bring_in("csv", "back/meta.csv", "two", "tags=tags")
    same("one", "two", ending=".ogg")


def test_other_separators_and_roots(sound: Call, bring_in: Call) -> None:
    sound("wavs/a.wav")
    Path("t.tsv").write_text("who\tfile\tpart\nAnn\ta.wav\tvalidation\n")
    bring_in("csv", "t.tsv", "one", "root=wavs", "split=part", "columns=who")
    entry = stored_items("one")[0].entry
    assert {name: entry.first(name) for name in entry.annotations} == {
        "filepath": "a.wav",
        "who": "Ann",
        "split": "valid",
    }


def test_a_table_without_audio(bring_in: Call, take_out: Call, same: Call) -> None:
    Path("t.csv").write_text("file;title\n9;Let It Be\n10;Yesterday\n")
    report = bring_in("csv", "t.csv", "one", audio=False)
    assert list(report.lines()) == ["it: 2 recordings, annotations alone, in one"]
    take_out("csv", "one", "back", audio=False)
    bring_in("csv", "back/meta.csv", "two", audio=False)
    same("one", "two", audio=False)


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        (
            "path,label\n",
            ["tags=lable"],
            "'t.csv' has no column 'lable'\n  help: did you mean 'label'?     [E464]",
        ),
        (
            "path,b\n",
            ["fold=zzz"],
            "'t.csv' has no column 'zzz'\n  help: its columns: path, b     [E464]",
        ),
        (
            "clip,b\n",
            [],
            "no column of 't.csv' is called path\n  help: --set path=COLUMN says which it is: clip, b     [E464]",
        ),
        (
            "path,filepath\n",
            [],
            "two columns of 't.csv' would be 'filepath'\n"
            "  help: choose other columns with --set columns=...: path, filepath     [E464]",
        ),
        (
            "",
            [],
            "the first line of 't.csv' is empty\n  help: it holds the names of the columns     [E463]",
        ),
        (
            "path,a,a\n",
            [],
            "the first line of 't.csv' names a column twice\n  help: it holds the names of the columns     [E463]",
        ),
        (
            "path,a\nx.wav,1,2\n/etc/x.wav,1\n../y.wav,2\n",
            [],
            "nothing in 't.csv' can be imported as 'csv'\n"
            "  left out  2 × E433, the first: 't.csv', line 3: '/etc/x.wav' is not a path below '.'\n"
            "  left out  1 × E463: 't.csv', line 2: 3 cells, the header has 2\n"
            "  help: 'csv' reads a table with a row for each recording: its path, and its labels in columns     [E462]",
        ),
    ],
)
def test_tables_that_cannot_be_read(
    text: str, settings: list[str], expected: str, bring_in: Call
) -> None:
    Path("t.csv").write_text(text)
    assert refused(lambda: bring_in("csv", "t.csv", "one", *settings)) == expected


def test_a_folder_is_no_table(sound: Call, bring_in: Call) -> None:
    sound("src/a.wav")
    assert refused(lambda: bring_in("csv", "src", "one")) == (
        "'src' is a folder, expected a table\n  help: give the file itself, such as src/meta.csv     [E463]"
    )
