"""What is wrong with the atoms of curves: breakpoint, breakpoint_time and breakpoint_value annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .fault import Fault, are_numbers, is_finite, is_number, kind_of, quoted

CURVES = ("breakpoint", "breakpoint_time", "breakpoint_value")


def curve_fault(
    atom: Mapping[str, Any], definition: Mapping[str, Any], n_times: int | None
) -> Fault | None:
    """Rows of T values, or one row alone; the T times are the atom's, the entry's (`n_times`), or the values."""
    value = atom["value"]
    if not isinstance(value, list):
        expected = "expected a list of values or of rows as 'value'"
        return Fault("E423", f"{expected}, got {quoted(value)}")
    rows = rows_of(value)
    extent = definition["type_extent"]

    # From the outside in: first that there are times, then that the rows fit them, then that they increase.
    if fault := _times_fault(atom, rows, extent, n_times):
        return fault
    if not is_number(atom.get("duration", 0)):
        came = quoted(atom["duration"])
        text = f"expected a number of seconds as 'duration', got {came}"
        return Fault("E423", text)

    # Which times the values belong to: a breakpoint_time has no others than its own values.
    times = {"breakpoint": atom.get("time"), "breakpoint_time": rows[0]}.get(extent)
    size = n_times if times is None else len(times)
    if not size:
        what = "'time'" if extent == "breakpoint" else "'value'"
        help = "leave the atom out where nothing is annotated"
        return Fault("E424", f"{what} is empty", help)

    numeric = definition["type_content"] == "numeric" or extent == "breakpoint_time"
    if fault := _rows_fault(rows, size, numeric):
        return fault
    if fault := _names_fault(rows, definition.get("row_name") or []):
        return fault
    if times is None:
        return None
    return _increase_fault(times, "time" if extent == "breakpoint" else "value")


def order_faults(atoms: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Fault]]:
    """Breakpoint atoms continue each other: the same rows, later times."""
    for index, (before, atom) in enumerate(pairwise(atoms), 1):
        n_rows = len(rows_of(atom["value"]))
        known = len(rows_of(before["value"]))
        if n_rows != known:
            text = (
                f"the number of rows of 'value' is {n_rows}, in the atom before {known}"
            )
            help = "give every atom all rows, with 0 where one has no value"
            yield index, Fault("E424", text, help)

        # The end of one atom is no part of the next: the same time would have two values.
        begin_s = atom["time"][0]
        end_s = before["time"][-1]
        if begin_s <= end_s:
            text = f"it begins at {begin_s} s, the atom before ends at {end_s} s"
            help = (
                "sort the atoms by time; curves of the same time are rows of one atom"
            )
            yield index, Fault("E424", text, help)


def rows_of(value: list[Any]) -> list[Any]:
    """The rows of a curve's value, which may be one row alone."""
    if value and all(isinstance(row, list) for row in value):
        return value
    return [value]


def _times_fault(
    atom: Mapping[str, Any], rows: Sequence[Any], extent: str, n_times: int | None
) -> Fault | None:
    """Whether there are times at all, in the place where the extent has them."""
    if extent == "breakpoint_time" and len(rows) != 1:
        text = f"'value' has {len(rows)} rows, expected one row of times"
        return Fault("E424", text, "a row holds all times")
    if extent == "breakpoint":
        times = atom.get("time")
        if not isinstance(times, list) or not are_numbers(times):
            text = f"expected a list of seconds as 'time', got {kind_of(times)}"
            return Fault("E423", text)
    if extent == "breakpoint_value" and n_times is None:
        return Fault(
            "E424",
            "the entry has no breakpoint_time that says when the values hold",
            "give the entry a breakpoint_time annotation, or the definition the extent 'breakpoint'",
        )
    return None


def _rows_fault(rows: Sequence[Any], n_times: int, numeric: bool) -> Fault | None:
    """Each row has a value for each time, of the kind of the annotation."""
    for index, row in enumerate(rows):
        right = all(
            is_number(one) or (not numeric and isinstance(one, str)) for one in row
        )
        if not right:
            kind = "number" if numeric else "text"
            text = f"row {index} of 'value' holds something that is not a {kind}"
            return Fault("E423", text)
        if len(row) != n_times:
            text = f"row {index} of 'value' has {len(row)} values for {n_times} times"
            return Fault("E424", text, _turned_help(rows, n_times))
        if not is_finite(row):
            text = f"row {index} of 'value' has NaN or infinity"
            return Fault("E426", text, "use 0 where there is no value")
    return None


def _turned_help(rows: Sequence[Any], n_times: int) -> str | None:
    """The next step where there is a row for each time, instead of a row for each curve."""
    widths = {len(row) for row in rows}
    if len(rows) == n_times and len(widths) == 1:
        return "write a row for each curve, with a value for each time: (rows, times)"
    return None


def _names_fault(rows: Sequence[Any], row_name: Sequence[str]) -> Fault | None:
    if not row_name or len(rows) == len(row_name):
        return None
    text = f"'value' has {len(rows)} rows for {len(row_name)} names in 'row_name'"
    help = "give every row its name, in this order, or leave 'row_name' empty"
    return Fault("E424", text, help)


def _increase_fault(times: list[Any], name: str) -> Fault | None:
    if not is_finite(times):
        return Fault("E426", f"'{name}' has NaN or infinity")

    # Finite first: differences with NaN are neither above 0 nor at most 0.
    steps = np.diff(np.asarray(times, np.float64))
    if (steps <= 0).any():
        first = int(np.argmax(steps <= 0))
        text = f"the times do not increase: {times[first]} s, then {times[first + 1]} s"
        return Fault("E424", text, "sort them")
    return None
