"""What the format's reference library writes is read, as the annotations that were given to it.

`written_by_reference` follows the rules of `C_pyjama.M_update_entry` and `M_check`, schema version 1.4, and 1.2 where
a test says so (https://github.com/geoffroypeeters/pyjama).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data import Atom, Corpus, Pyjama, check_corpus, write_audio
from mirbricks.errors import DataError

FREE = {"type_constraint": "free", "dictionary": [], "is_table": True}
KEY = {"type_extent": "global", "type_content": "text", "row_name": [], **FREE}


def alone(values: list[Any]) -> Any:
    """A list of one element, which is not a list itself, becomes that element."""
    if len(values) == 1 and not isinstance(values[0], list):
        return values[0]
    return values


def written_by_reference(
    extent: str,
    value: list[Any] | None = None,
    content: str = "numeric",
    row_name: tuple[str, ...] = (),
    **fields: list[float],
) -> dict[str, Any]:
    """A file of one entry with the annotation 'x' of one atom, and the annotation 'y' that M_check fills in."""
    definition = {"type_extent": extent, "type_content": content, **FREE}
    definition["row_name"] = list(row_name)
    atom = {} if value is None else {"value": alone(value)}
    atom |= {name: alone(field) for name, field in fields.items()}
    return {
        "schemaversion": 1.4,
        "collection": {
            "descriptiondefinition": {"filepath": KEY, "x": definition, "y": KEY},
            "entry": [
                {
                    "filepath": [{"value": "a.wav"}],
                    "x": [atom if "value" in atom else {"value": ""}],
                    "y": [{"value": ""}],
                }
            ],
        },
    }


def read(tmp_path: Path, content: dict[str, Any]) -> Pyjama:
    path = tmp_path / "x.pyjama"
    path.write_text(json.dumps(content, indent=4), encoding="utf-8")
    return Pyjama.load(path)


def atoms_of(tmp_path: Path, content: dict[str, Any]) -> list[Atom]:
    """The atoms of 'x', which are the same after saving."""
    pyjama = read(tmp_path, content)
    pyjama.save(tmp_path / "again.pyjama")
    assert Pyjama.load(tmp_path / "again.pyjama") == pyjama
    assert "y" not in pyjama.entries[0].annotations
    return list(pyjama.entries[0].annotations["x"])


seconds = st.floats(0, 1000, allow_nan=False)
times_s = st.lists(seconds, min_size=1, max_size=6, unique=True).map(sorted)
words = st.text("abc", min_size=1, max_size=3)


@given(times=times_s, data=st.data(), extent=st.sampled_from(["marker", "segment"]))
def test_several_times_in_one_atom_are_as_many_atoms(
    tmp_path_factory: pytest.TempPathFactory,
    times: list[float],
    data: st.DataObject,
    extent: str,
) -> None:
    n = len(times)
    labels = data.draw(st.lists(words, min_size=n, max_size=n))
    fields = {"time": times}
    if extent == "segment":
        fields["duration"] = data.draw(st.lists(seconds, min_size=n, max_size=n))
    if data.draw(st.booleans()):
        fields["confidence"] = data.draw(st.lists(seconds, min_size=n, max_size=n))
    value: list[Any] = labels if n == 1 else [labels]
    content = written_by_reference(extent, value, "text", **fields)
    found = atoms_of(tmp_path_factory.mktemp("x"), content)
    assert [atom.value for atom in found] == labels
    assert [atom.time for atom in found] == times
    assert [atom.duration for atom in found] == fields.get("duration", [None] * n)
    assert [atom.confidence for atom in found] == fields.get("confidence", [None] * n)


@given(times=times_s, n_rows=st.integers(1, 3), data=st.data())
def test_curves_of_any_number_of_points(
    tmp_path_factory: pytest.TempPathFactory,
    times: list[float],
    n_rows: int,
    data: st.DataObject,
) -> None:
    row = st.lists(seconds, min_size=len(times), max_size=len(times))
    rows = data.draw(st.lists(row, min_size=n_rows, max_size=n_rows))
    names = tuple("abc"[:n_rows])
    content = written_by_reference("breakpoint", rows, row_name=names, time=times)
    (atom,) = atoms_of(tmp_path_factory.mktemp("x"), content)
    assert (atom.value, atom.time) == (rows, times)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([60.0], [[60.0]]),  # given as a list or a number
        ([[60.0]], [[60.0]]),  # given as an array
        ([60.0, 62.0], [[60.0], [62.0]]),
    ],
)
def test_a_curve_of_one_point(tmp_path: Path, value: Any, expected: Any) -> None:
    names = ("a", "b")[: len(expected)]
    content = written_by_reference("breakpoint", value, row_name=names, time=[0.5])
    (atom,) = atoms_of(tmp_path, content)
    assert (atom.value, atom.time) == (expected, [0.5])


def test_one_time_that_curves_share(tmp_path: Path) -> None:
    content = written_by_reference("breakpoint_time", [0.5], "text")
    content["collection"]["descriptiondefinition"]["z"] = {
        "type_extent": "breakpoint_value",
        "type_content": "numeric",
        "row_name": ["a"],
        **FREE,
    }
    content["collection"]["entry"][0]["z"] = [{"value": [[3.0]]}]
    pyjama = read(tmp_path, content)
    values, times = pyjama.entries[0].breakpoints("z")
    assert (values.tolist(), times.tolist()) == ([[3.0]], [0.5])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([["A", "B", "C"]], ["A", "B", "C"]),  # since 1.4
        ([["A"], ["B"], ["C"]], ["A", "B", "C"]),  # before: a row for each time
        (["A", "B", "C"], ["A", "B", "C"]),
        ([["A", "B", "C"], ["a", "b", "c"]], [["A", "a"], ["B", "b"], ["C", "c"]]),
        ([["A", "a"], ["B", "b"], ["C", "c"]], [["A", "a"], ["B", "b"], ["C", "c"]]),
    ],
)
def test_segments_of_several_rows(tmp_path: Path, value: Any, expected: Any) -> None:
    content = written_by_reference(
        "segment", value, "text", time=[0.0, 1.0, 2.0], duration=[1.0, 1.0, 0.5]
    )
    found = atoms_of(tmp_path, content)
    assert [atom.value for atom in found] == expected
    assert [atom.duration for atom in found] == [1.0, 1.0, 0.5]


def test_a_pitch_with_its_text_stays_one_segment(tmp_path: Path) -> None:
    """`example_segment_pitch_and_text.pyjama` of the reference library."""
    content = written_by_reference(
        "segment", [440.0, "wasabi"], "text", time=[0.0], duration=[1.0]
    )
    (atom,) = atoms_of(tmp_path, content)
    assert atom == Atom([440.0, "wasabi"], 0.0, 1.0)


@pytest.mark.parametrize("extent", ["global", "marker", "segment", "breakpoint"])
@pytest.mark.parametrize("content", ["text", "numeric"])
def test_what_the_check_fills_in_is_an_absent_annotation(
    tmp_path: Path, extent: str, content: str
) -> None:
    pyjama = read(tmp_path, written_by_reference(extent, None, content))
    assert set(pyjama.entries[0].annotations) == {"filepath"}


def test_annotated_as_empty_is_not_absent(tmp_path: Path) -> None:
    content = written_by_reference("segment", None)
    content["collection"]["entry"][0]["x"] = []
    assert set(read(tmp_path, content).entries[0].annotations) == {"filepath", "x"}


def test_an_entry_without_a_key_has_none_after_the_check_either(tmp_path: Path) -> None:
    content = written_by_reference("global", [1.0])
    content["collection"]["entry"][0]["filepath"] = [{"value": ""}]
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    assert error.value.code == "E427"


def test_times_that_do_not_fit_their_values(tmp_path: Path) -> None:
    content = written_by_reference(
        "segment", [["A", "B"]], "text", time=[0.0, 1.0, 2.0], duration=[1.0] * 3
    )
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    assert str(error.value).partition(", atom 0: ")[2] == (
        "expected a number of seconds as 'time', got '[0.0, 1.0, 2.0]'\n"
        "  help: write an atom for each time, or 3 values for the 3 times     [E423]"
    )


@pytest.mark.parametrize("version", [1.2, 1.31])
@pytest.mark.parametrize("n_times", [1, 2, 3])
def test_curves_of_older_versions_are_turned_only_where_they_lie(
    tmp_path: Path, version: float, n_times: int
) -> None:
    """Up to 1.2 the library wrote (names, times), then (times, names), since 1.4 (names, times) again."""
    times = [0.1 * n for n in range(n_times)]
    rows = [[10.0 + n for n in range(n_times)], [20.0 + n for n in range(n_times)]]
    columns = [list(column) for column in zip(*rows, strict=True)]
    definition = {
        "typeExtent": "breakpoint",
        "typeContent": "numeric",
        "columnName": ["a", "b"],
    }
    content = written_by_reference("global", [1.0])
    content["schemaversion"] = version
    content["collection"]["descriptiondefinition"]["x"] = definition
    value = rows if version == 1.2 else columns
    content["collection"]["entry"][0]["x"] = [{"value": value, "time": times}]
    (atom,) = atoms_of(tmp_path, content)
    assert atom.value == rows
    assert read(tmp_path, content).schemaversion == 1.4


@pytest.mark.parametrize(
    ("version", "saved"), [(1.31, 1.4), ("1.31", 1.4), (1.4, 1.4), ("1.41", "1.41")]
)
def test_the_version_fits_what_is_written(
    tmp_path: Path, version: Any, saved: Any
) -> None:
    content = written_by_reference("breakpoint", [[60.0]], row_name=("a",), time=[0.5])
    content["schemaversion"] = version
    read(tmp_path, content).save(tmp_path / "again.pyjama")
    again = json.loads((tmp_path / "again.pyjama").read_text(encoding="utf-8"))
    assert again["schemaversion"] == saved
    assert Pyjama({}, []).schemaversion == 1.4


CASES = {
    "segment_list": [Atom("A", 0.0, 1.0), Atom("B", 1.0, 1.0)],
    "breakpoint_one_time": [Atom([[60.0]], [0.5])],
    "negative_time": [Atom("A", -5.0, 1.0)],
}


@pytest.mark.parametrize("name", CASES)
def test_such_a_file_as_a_corpus(tmp_path: Path, name: str) -> None:
    atoms = CASES[name]
    (first, *_) = atoms
    if isinstance(first.time, list):
        content = written_by_reference(
            "breakpoint", first.value, row_name=("f0",), time=first.time
        )
    else:
        labels = [atom.value for atom in atoms]
        content = written_by_reference(
            "segment",
            [labels] if len(labels) > 1 else labels,
            "text",
            time=[atom.time for atom in atoms],
            duration=[atom.duration for atom in atoms],
        )
    content["schemaversion"] = "1.41"
    (tmp_path / "x.pyjama").write_text(json.dumps(content), encoding="utf-8")
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 3000)
    write_audio(tmp_path / "x_audio.hdf5", [("a.wav", wave, 1000)])
    (item,) = Corpus.open(tmp_path)
    assert list(item.annotations["x"]) == atoms
    codes = [problem.code for problem in check_corpus(tmp_path).problems]
    assert codes == (["E429"] if name == "negative_time" else [])
