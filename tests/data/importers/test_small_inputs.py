"""Small inputs that failed, read from the folder `cases` beside the real corpora, where it is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirbricks.cli import main
from mirbricks.data.importers.exporting import stored_items

Call = Callable[..., Any]
BAD_ATOMS = (
    "nan_beat_value",
    "nan_confidence",
    "neg_duration",
    "pitch_midi_nan",
    "tag_number",
    "text_beat",
)


@pytest.fixture
def cases(data_root: Path) -> Path:
    folder = data_root.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no folder of small inputs at {folder}")
    return folder


def brought_in(source: Path, kind: str, *words: str) -> dict[str, dict[str, Any]]:
    """The annotations of an import by the command: key -> name -> (value, time, duration) of each atom."""
    shutil.rmtree("out", ignore_errors=True)
    command = ["data", "import", kind, str(source), "--out", "out", "--jobs", "1"]
    assert main([*command, *words]) == 0
    found = {}
    for stored in stored_items("out"):
        names = {n: list(a) for n, a in stored.entry.annotations.items()}
        del names["filepath"]
        found[stored.key] = {
            name: [(atom.value, atom.time, atom.duration) for atom in atoms]
            for name, atoms in names.items()
        }
    return found


@pytest.mark.parametrize(
    ("case", "name", "seconds"),
    [
        ("01_midi_bad_key_signature", "badkey", 0.5),
        ("02_midi_type_2", "type2", None),
        ("03_midi_division_0", "div0", None),
        ("04_midi_smpte_division", "smptediv", 0.48),
    ],
)
def test_01_to_04_midi(
    case: str, name: str, seconds: float | None, cases: Path, capsys: Any
) -> None:
    found = brought_in(cases / case, "midi")
    assert found["good.wav"]["pitchmidi"][0] == (60, 0.0, 0.5)
    printed = capsys.readouterr().out
    if seconds is None:
        assert list(found) == ["good.wav"]
        assert f"{name}.mid' is not a MIDI file that can be read" in printed
    else:
        assert found[f"{name}.wav"]["pitchmidi"] == [(60, 0.0, seconds)]
        assert "left out" not in printed


def test_05_a_negative_duration(cases: Path, capsys: Any) -> None:
    assert list(brought_in(cases / "05_jams_negative_duration", "jams")) == ["ok.wav"]
    assert (
        "n.jams': entry 'n.wav', annotation 'chord', atom 1" in capsys.readouterr().out
    )


def test_06_six_strings(cases: Path) -> None:
    found = brought_in(cases / "06_jams_six_note_midi", "jams")["guitar.wav"]
    assert found["pitchmidi"] == [(40.1 + 5 * i, i / 2, 0.4) for i in range(6)]
    assert [name for name in found if name.startswith("f0")] == [
        "f0",
        *(f"f0_{number}" for number in range(2, 7)),
    ]


def test_07_pitches_with_durations(cases: Path) -> None:
    found = brought_in(cases / "07_jams_pitch_midi_as_notes", "jams")
    assert found["n.wav"] == {"pitchmidi": [(60, 0.0, 1.0), (64, 1.0, 2.0)]}


def test_08_a_chord_before_0(cases: Path, capsys: Any) -> None:
    folder = cases / "08_chord_before_zero"
    assert "0.wav" not in brought_in(folder, "lab")
    expected = (
        "0.lab': annotation 'chord' of '0.wav' begins at -0.012 s, before its audio"
    )
    assert expected in capsys.readouterr().out
    assert brought_in(folder, "lab", "--clip")["0.wav"] == {
        "chord": [("C:maj", 0.0, 2.0), ("G:min", 2.0, 2.0)]
    }


def test_10_an_unclosed_quotation_mark(cases: Path, capsys: Any) -> None:
    table = cases / "10_csv_unclosed_quote" / "quote.csv"
    assert main(["data", "import", "csv", str(table), "--out", "out"]) == 1
    printed = capsys.readouterr().err
    assert f"{table}:2:7: the quotation mark is never closed" in printed
    assert not Path("out").exists()


def test_18_nothing_read(cases: Path, capsys: Any) -> None:
    found = brought_in(cases / "18_jams_nothing_read", "jams")
    assert found == {"bp.wav": {"beat": [(1, 0.5, None)]}, "m.wav": {}}
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "beat_position" in line]
    (line,) = [line for line in lines if "m.jams" in line]
    assert line.endswith("JAMS namespaces 'multi_segment', 'onset', 'chord_roman'")


@pytest.mark.parametrize("name", BAD_ATOMS)
def test_21_bad_atoms(name: str, cases: Path, sound: Call, capsys: Any) -> None:
    Path("src").mkdir()
    shutil.copy(cases / "21_jams_bad_atoms" / f"{name}.jams", "src")
    shutil.copy(cases / "05_jams_negative_duration" / "ok.jams", "src")
    sound("src/ok.wav", 4.0), sound(f"src/{name}.wav", 4.0)
    found = brought_in(Path("src"), "jams")
    assert found == {"ok.wav": {"chord": [("C:maj", 0.0, 4.0)]}}
    printed = capsys.readouterr().out
    assert f"src/{name}.jams'" in printed
    assert ".pyjama'" not in printed


def test_23_two_tracks_of_one_channel(cases: Path, sound: Call) -> None:
    name = "two_tracks_one_channel"
    Path("src").mkdir()
    shutil.copy(cases / "23_midi_two_tracks_one_channel" / f"{name}.mid", "src/a.mid")
    sound("src/a.wav", 4.0)
    assert brought_in(Path("src"), "midi")["a.wav"] == {
        "pitchmidi": [(60, 0.0, 2.0), (60, 0.5, 0.5)],
        "velocity": [(90, 0.0, 2.0), (40, 0.5, 0.5)],
    }
