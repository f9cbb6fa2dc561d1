"""What is wrong with the atoms of one annotation. Columns that are right are seen to be so at once; the slow walk over
single atoms is for those that are not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...errors import did_you_mean
from .atoms import ABSENT, Atoms

Fault = tuple[str, str, str | None]  # code, what is wrong, help

NEEDED = {"global": (), "marker": ("time",), "segment": ("time", "duration")}
CURVES = ("breakpoint", "breakpoint_time", "breakpoint_value")
_NUMBER = {int, float}
_CHECKED = ("value", "time", "duration", "confidence", "comment")


def annotation_faults(
    atoms: Atoms | list[Any], definition: Mapping[str, Any], n_times: int | None
) -> list[tuple[int, Fault]]:
    """(atom, fault) of each atom that has one; `n_times` is the size of the entry's shared breakpoint_time."""
    if isinstance(atoms, Atoms) and (len(atoms) == 0 or _sees_right(atoms, definition)):
        return []
    if isinstance(atoms, Atoms):
        rows = list(atoms.rows())
    else:
        rows = atoms
    faults = [
        (index, fault)
        for index, atom in enumerate(rows)
        if (fault := atom_fault(atom, definition, n_times))
    ]
    if not faults and definition["type_extent"] == "breakpoint":
        faults = list(_order_faults(rows))[:1]
    if (
        not faults
        and definition["type_extent"] in ("breakpoint_time", "breakpoint_value")
        and len(rows) > 1
    ):
        faults = [
            (
                1,
                (
                    "E424",
                    "expected one atom",
                    "put all times, and all rows, in one atom",
                ),
            )
        ]
    return faults


def _sees_right(atoms: Atoms, definition: Mapping[str, Any]) -> bool:
    """Whether the columns of global, marker or segment atoms show that all is right; False means: look closer."""
    extent = definition["type_extent"]
    if extent in CURVES or not set(NEEDED[extent]) <= set(atoms.names) <= {
        "value",
        "time",
        "duration",
    }:
        return False
    value = atoms.column("value")
    for name in ("time", "duration"):
        seconds = atoms.column(name)
        if seconds is not None and not (
            isinstance(seconds, np.ndarray) and np.isfinite(seconds).all()
        ):
            return False
    if (durations := atoms.column("duration")) is not None and (durations < 0).any():
        return False
    numeric = definition["type_content"] == "numeric"
    dictionary = definition.get("dictionary")
    if numeric and not (isinstance(value, np.ndarray) and np.isfinite(value).all()):
        return False
    if not numeric and not (isinstance(value, list) and set(map(type, value)) == {str}):
        return False
    if definition.get("type_constraint") != "value_in_dictionary" or not dictionary:
        return True
    if numeric:
        return bool((value >= dictionary[0]).all() and (value <= dictionary[1]).all())
    return set(value) <= set(dictionary)


def atom_fault(
    atom: Any, definition: Mapping[str, Any], n_times: int | None = None
) -> Fault | None:
    """The first thing that is wrong with an atom."""
    if not isinstance(atom, dict) or "value" not in atom:
        return "E423", f"expected an object with a 'value', got {_kind(atom)}", None
    extent = definition["type_extent"]
    numeric = definition["type_content"] == "numeric"
    if extent in CURVES:
        fault = _curve_fault(
            atom, extent, numeric, definition.get("row_name") or [], n_times
        )
    else:
        fault = _value_fault(
            atom["value"], numeric, definition.get("row_name") or []
        ) or _time_fault(atom, extent)
    if fault := fault or _further_fault(atom):
        return fault
    return _dictionary_fault(atom["value"], definition, numeric)


def _dictionary_fault(
    value: Any, definition: Mapping[str, Any], numeric: bool
) -> Fault | None:
    dictionary = definition.get("dictionary")
    if not dictionary or definition.get("type_constraint") != "value_in_dictionary":
        return None
    for one in _flat(value):
        if numeric and not dictionary[0] <= one <= dictionary[1]:
            return (
                "E428",
                f"the value {one} is not from {dictionary[0]} to {dictionary[1]}",
                None,
            )
        if not numeric and one not in dictionary:
            near = did_you_mean(str(one), dictionary)
            return (
                "E428",
                f"the value {quoted(one)} is not in the dictionary of the definition",
                near,
            )
    return None


def _value_fault(value: Any, numeric: bool, row_name: Sequence[str]) -> Fault | None:
    """One number or text; a list of several; for numbers a matrix too."""
    listed = isinstance(value, list)
    flat = list(_flat(value))
    if numeric:
        right = bool(flat) and are_numbers(flat)
    else:  # a text that goes with numbers is allowed in a list
        right = isinstance(value, str) or (
            listed and any(isinstance(one, str) for one in flat)
        )
        right = right and all(
            isinstance(one, str) or type(one) in _NUMBER for one in flat
        )
    if not right:
        return (
            "E423",
            f"expected a {'number' if numeric else 'text'} as 'value', got {quoted(value)}",
            None,
        )
    if not is_finite(flat):
        return "E426", "'value' is NaN or infinite", None
    if listed and row_name and len(flat) != len(row_name):
        return (
            "E424",
            f"'value' has {len(flat)} numbers for {len(row_name)} names in 'row_name'",
            None,
        )
    return None


def _time_fault(atom: Mapping[str, Any], extent: str) -> Fault | None:
    for name in ("time", "duration"):
        if name in atom or name in NEEDED[extent]:
            seconds: Any = atom.get(name)
            if type(seconds) not in _NUMBER:
                return (
                    "E423",
                    f"expected a number of seconds as '{name}', got {quoted(seconds)}",
                    None,
                )
            if not is_finite(seconds):
                return "E426", f"'{name}' is NaN or infinite", None
    if atom.get("duration", 0) < 0:
        return "E425", f"the duration is negative: {atom['duration']} s", None
    return None


def _curve_fault(
    atom: Mapping[str, Any],
    extent: str,
    numeric: bool,
    row_name: Sequence[str],
    n_times: int | None,
) -> Fault | None:
    """Rows of T values, or one row alone; the T times are the atom's, the entry's, or the values themselves."""
    value = atom["value"]
    is_time = extent == "breakpoint_time"
    if not isinstance(value, list):
        return (
            "E423",
            f"expected a list of values or of rows as 'value', got {quoted(value)}",
            None,
        )
    rows = _rows(value)
    if is_time:
        times = rows[0]
    else:
        if extent == "breakpoint":
            times = atom.get("time")
        else:
            times = None
    if is_time and len(rows) != 1:
        return (
            "E424",
            f"'value' has {len(rows)} rows, expected one row of times",
            "a row holds all times",
        )
    if extent == "breakpoint" and (
        not isinstance(times, list) or not are_numbers(times)
    ):
        return "E423", f"expected a list of seconds as 'time', got {_kind(times)}", None
    if extent == "breakpoint_value" and n_times is None:
        help = "give the entry a breakpoint_time annotation, or the definition the extent 'breakpoint'"
        return (
            "E424",
            "the entry has no breakpoint_time that says when the values hold",
            help,
        )
    if type(atom.get("duration", 0)) not in _NUMBER:
        return (
            "E423",
            f"expected a number of seconds as 'duration', got {quoted(atom['duration'])}",
            None,
        )
    if times is None:
        size = n_times
    else:
        size = len(times)
    if not size:
        if extent == "breakpoint":
            what = "'time' is empty"
        else:
            what = "'value' is empty"
        return "E424", what, "leave the atom out where nothing is annotated"
    return (
        _rows_fault(rows, size, numeric or is_time)
        or (_names_fault(rows, row_name) if row_name else None)
        or (
            None
            if times is None
            else _increase_fault(times, "value" if is_time else "time")
        )
    )


def _rows_fault(rows: Sequence[Any], n_times: int, numeric: bool) -> Fault | None:
    for index, row in enumerate(rows):
        if not (
            are_numbers(row)
            if numeric
            else all(isinstance(one, str) or type(one) in _NUMBER for one in row)
        ):
            if numeric:
                kind = "number"
            else:
                kind = "text"
            return (
                "E423",
                f"row {index} of 'value' holds something that is not a {kind}",
                None,
            )
        if len(row) != n_times:
            turned = len(rows) == n_times and len({*map(len, rows)}) == 1
            if turned:
                help = "write a row for each curve, with a value for each time: (rows, times)"
            else:
                help = None
            return (
                "E424",
                f"row {index} of 'value' has {len(row)} values for {n_times} times",
                help,
            )
        if not is_finite(row):
            return (
                "E426",
                f"row {index} of 'value' has NaN or infinity",
                "use 0 where there is no value",
            )
    return None


def _names_fault(rows: Sequence[Any], row_name: Sequence[str]) -> Fault | None:
    if len(rows) == len(row_name):
        return None
    text = f"'value' has {len(rows)} rows for {len(row_name)} names in 'row_name'"
    return (
        "E424",
        text,
        "give every row its name, in this order, or leave 'row_name' empty",
    )


def _increase_fault(times: list[Any], name: str) -> Fault | None:
    if not is_finite(times):
        return "E426", f"'{name}' has NaN or infinity", None
    steps = np.diff(np.asarray(times, np.float64))
    if (steps <= 0).any():
        first = int(np.argmax(steps <= 0))
        return (
            "E424",
            f"the times do not increase: {times[first]} s, then {times[first + 1]} s",
            "sort them",
        )
    return None


def _further_fault(atom: Mapping[str, Any]) -> Fault | None:
    """confidence, comment, and the fields that the format does not know."""
    confidence = atom.get("confidence", 0)
    comment = atom.get("comment", "")
    if not are_numbers(list(_flat(confidence))):
        return (
            "E423",
            f"expected a number as 'confidence', got {quoted(confidence)}",
            None,
        )
    if not isinstance(comment, str):
        return "E423", f"expected a text as 'comment', got {quoted(comment)}", None
    if not is_finite(confidence):
        return "E426", "'confidence' is NaN or infinite", None
    if not is_finite([value for name, value in atom.items() if name not in _CHECKED]):
        return "E426", "a field of the atom is NaN or infinite", None
    return None


def _order_faults(atoms: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Fault]]:
    """Breakpoint atoms continue each other: the same rows, later times."""
    for index, (before, atom) in enumerate(pairwise(atoms), 1):
        rows = len(_rows(atom["value"]))
        known = len(_rows(before["value"]))
        if rows != known:
            text = (
                f"the number of rows of 'value' is {rows}, in the atom before {known}"
            )
            yield (
                index,
                (
                    "E424",
                    text,
                    "give every atom all rows, with 0 where one has no value",
                ),
            )
        if atom["time"][0] <= before["time"][-1]:
            text = f"it begins at {atom['time'][0]} s, the atom before ends at {before['time'][-1]} s"
            yield (
                index,
                (
                    "E424",
                    text,
                    "sort the atoms by time; curves of the same time are rows of one atom",
                ),
            )


def _rows(value: list[Any]) -> list[Any]:
    """The rows of a curve's value, which may be one row alone."""
    if value and all(isinstance(row, list) for row in value):
        return value
    return [value]


def _flat(value: Any) -> Iterator[Any]:
    """The single values of a value: itself, those of a list, those of the rows of a matrix."""
    for row in value if isinstance(value, list) else [value]:
        if isinstance(row, list):
            yield from row
        else:
            yield row


def are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= _NUMBER


def is_finite(value: Any) -> bool:
    """Whether every number in it, however nested, is finite."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list) and not are_numbers(value):
        return all(map(is_finite, value))
    if not isinstance(value, (list, float, int)):
        return True
    try:
        if isinstance(value, list):
            return all(map(math.isfinite, value))
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def quoted(value: Any) -> str:
    if value is None or value is ABSENT:
        text = "nothing"
    else:
        text = f"'{value}'"
    if len(text) <= 60:
        return text
    return text[:57] + "...'"


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number")
