"""What every export does, and the choice of importers and options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.data.importers.contract import importer, importer_of, kinds
from mirbricks.data.importers.exporting import stored_items
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.errors import DataError, RegistryError

Call = Callable[..., Any]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def atoms(corpus: str, key: str, name: str) -> list[Atom]:
    entry = next(stored.entry for stored in stored_items(corpus) if stored.key == key)
    return list(entry.annotations.get(name, ()))


def test_an_export_stays_in_its_folder(take_out: Call) -> None:
    entries = [
        Entry({"filepath": (Atom(key),), "chord": (Atom("N", 0.0, 1.0),)})
        for key in ("../a", "/b", "c", "C")
    ]
    definitions = {
        "filepath": Definition("global", "text"),
        "chord": Definition("segment", "text"),
    }
    Pyjama(definitions, entries).save("one/it.pyjama")
    report = take_out("lab", "one", "deep/back")
    assert [error.message for error in report.left_out] == [
        "'../a.lab' is not a path inside the folder of the export",
        "'/b.lab' is not a path inside the folder of the export",
        "two recordings of the corpus would both be written to 'C.lab'",
    ]
    assert [path.name for path in Path("deep").rglob("*")] == ["back", "c.lab"]


def test_an_export_overwrites_nothing(take_out: Call, bring_in: Call) -> None:
    Path("t.csv").write_text("path\na\n")
    bring_in("csv", "t.csv", "one", audio=False)
    Path("back").mkdir()
    take_out("csv", "one", "back")
    expected = (
        "'back' already exists\n"
        "  help: give a folder that is not there yet, or is empty: nothing is overwritten     [E467]"
    )
    assert refused(lambda: take_out("csv", "one", "back")) == expected
    Path("two").mkdir()
    assert refused(lambda: take_out("csv", "two", "x")) == (
        "'two' holds no .pyjama file, expected one\n  help: give the folder of one corpus     [E410]"
    )
    assert refused(lambda: take_out("csv", "nowhere", "x")) == (
        "there is no folder 'nowhere'\n  help: give the folder of NAME.pyjama     [E410]"
    )


def test_an_export_that_fails_leaves_nothing(
    sound: Call, bring_in: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("src/c/a.wav")
    bring_in("folders", "src", "one")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    from mirbricks.data.importers import destination
    from mirbricks.data.importers.exporting import export_corpus

    monkeypatch.setattr(destination.soundfile, "SoundFile", full)
    assert refused(
        lambda: export_corpus(importer_of("folders"), stored_items("one"), "back")
    ) == (
        "cannot write 'back': No space left on device\n"
        "  help: free some space or choose a folder that can be written; 'back' was not changed     [E408]"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["one", "src"]


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (
            "cvs",
            [],
            "there is no importer 'cvs'\n  help: did you mean 'csv'?     [E461]",
        ),
        (
            "csv",
            ["tag=x"],
            "'csv' has no option 'tag'\n  help: did you mean 'tags'?     [E464]",
        ),
        (
            "csv",
            ["tags"],
            "expected KEY=VALUE, got 'tags'\n  help: write --set key=value     [E464]",
        ),
        (
            "bach10",
            ["xyz=1"],
            "'bach10' has no option 'xyz'\n  help: it takes none     [E464]",
        ),
        (
            "mirdata",
            [],
            "'mirdata' needs the option 'dataset'\n"
            "  help: --set dataset=...: its name in mirdata, such as beatles or guitarset     [E464]",
        ),
        (
            "csv",
            ["separator="],
            "'csv': '' cannot be the option 'separator'\n"
            "  reason  String should have at least 1 character\n"
            "  help: what stands between the values of a cell (default: |)     [E464]",
        ),
    ],
)
def test_options(kind: str, settings: list[str], expected: str) -> None:
    assert refused(lambda: importer_of(kind, settings)) == expected


def test_every_kind_is_said_in_words() -> None:
    assert list(kinds()) == [
        "bach10",
        "csv",
        "folders",
        "jams",
        "lab",
        "maps",
        "midi",
        "mirdata",
        "notes",
        "stems",
    ]
    for cls in kinds().values():
        assert cls.text
        assert cls.__doc__
        assert all(field.description for field in cls.Options.model_fields.values())


def test_two_importers_of_one_name() -> None:
    class Mine(kinds()["csv"]):  # type: ignore[misc]
        pass

    with pytest.raises(RegistryError, match="the name 'csv' is taken") as caught:
        importer("csv", "mine")(Mine)
    assert caught.value.code == "E301"


def test_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, sound: Call, bring_in: Call
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "mido", None)
    sound("a.wav")
    Path("a.mid").touch()
    assert refused(lambda: bring_in("midi", ".", "one")) == (
        "the package 'mido' is not installed\n  help: pip install mido     [E468]"
    )


def test_mirdata_cannot_be_written(take_out: Call, bring_in: Call) -> None:
    Path("t.csv").write_text("path\na\n")
    bring_in("csv", "t.csv", "one", audio=False)
    assert refused(lambda: take_out("mirdata", "one", "back", "dataset=beatles")) == (
        "'mirdata' can be imported, not exported\n"
        "  help: kinds that can be exported: bach10, csv, folders, jams, lab, maps, midi, notes, stems     [E461]"
    )
