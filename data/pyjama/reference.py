"""Forms that the reference library writes, brought to the form that the format describes, while a file is read.

References
----------
G. Peeters, pyjama, https://github.com/geoffroypeeters/pyjama: `C_pyjama.M_update_entry` and `M_check` of schema
version 1.4. They write

- several times in one atom of a marker or a segment: `{"value": [["A", "B"]], "time": [0, 1], "duration": [1, 1]}`;
- a list of one element as that element: a curve of one point is `{"value": [[60.0]], "time": 0.5}`;
- `[{"value": ""}]` for an annotation that an entry does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .atoms import Atoms
from .definitions_check import extent_of
from .fault import is_number

Row = Mapping[str, Any]
_ABSENT = {"value": ""}


def bring_to_form(raw: Any) -> bool:
    """Change the annotations of a parsed file that are in such a form, in place; return whether there were any."""
    collection = raw.get("collection") if isinstance(raw, dict) else None
    if not isinstance(collection, dict):
        return False
    definitions = collection.get("descriptiondefinition")
    entries = collection.get("entry")
    if not isinstance(definitions, dict) or not isinstance(entries, list):
        return False
    extents = {
        name: extent_of(definition)
        for name, definition in definitions.items()
        if isinstance(definition, dict)
    }

    # A list, not a generator: any() would stop at the first entry that changed.
    changed = [
        _entry_changed(entry, extents) for entry in entries if isinstance(entry, dict)
    ]
    return any(changed)


def _entry_changed(entry: dict[str, Any], extents: Mapping[str, Any]) -> bool:
    changed = False
    for name, atoms in list(entry.items()):
        if not isinstance(atoms, Atoms) or name not in extents:
            continue
        # The reference library writes a placeholder where an annotation is missing; here it is left out.
        if name != "filepath" and len(atoms) == 1 and atoms.row(0) == _ABSENT:
            del entry[name]
            changed = True
        elif _may_need(atoms, extents[name]):
            before = list(atoms.rows())
            change = _CHANGES[extents[name]]
            after = [new for row in before for new in change(row)]
            if after != before:
                entry[name] = Atoms(after)
                changed = True
    return changed


def _may_need(atoms: Atoms, extent: Any) -> bool:
    """Whether the columns leave it open that an atom has another form: of most files they show that none has."""
    # Plain columns are arrays, so that a look at their type spares a look at each atom.
    if extent in ("marker", "segment"):
        times = atoms.column("time")
        return isinstance(times, list)
    if extent == "breakpoint":
        return _holds_number(atoms.column("time"))
    if extent == "breakpoint_time":
        return _holds_number(atoms.column("value"))
    return False


def _holds_number(column: Any) -> bool:
    """Whether one of the values of a column is a number: an array has nothing else."""
    return isinstance(column, np.ndarray) or any(map(is_number, column or []))


def _one_per_time(row: Row) -> Sequence[Row]:
    """A marker or a segment of several times as an atom for each; what does not fit stays for the check to report."""
    times = row.get("time")
    if not isinstance(times, list) or not times:
        return [row]
    values = _values_of(row["value"], len(times))
    if values is None:
        return [row]
    found = []
    for index, (value, time) in enumerate(zip(values, times, strict=True)):
        atom = {"value": value, "time": time}
        for name, field in row.items():
            if name in ("value", "time"):
                continue
            # A confidence, say, for each time, or one for all.
            is_each = isinstance(field, list) and len(field) == len(times)
            atom[name] = field[index] if is_each else field
        found.append(atom)
    return found


def _values_of(value: Any, n_times: int) -> list[Any] | None:
    """The value at each time, or None where the sizes do not fit."""
    if not isinstance(value, list) or not value:
        return None
    if not any(isinstance(row, list) for row in value):
        return value if len(value) == n_times else None
    if not all(isinstance(row, list) for row in value):
        return None
    if all(len(row) == n_times for row in value):  # since 1.4: a row for each dimension
        each = [list(column) for column in zip(*value, strict=True)]
    elif len(value) == n_times:  # before: a row for each time
        each = value
    else:
        return None
    return [one[0] if len(one) == 1 else one for one in each]


def _point(row: Row) -> Sequence[Row]:
    """A curve of one point, whose time and perhaps value are not lists."""
    time = row.get("time")
    if not is_number(time):
        return [row]
    value = row["value"]
    if not isinstance(value, list):
        value = [[value]]
    elif not any(isinstance(one, list) for one in value):
        value = [[one] for one in value]
    return [{**row, "value": value, "time": [time]}]


def _time(row: Row) -> Sequence[Row]:
    """The one time that curves share."""
    if is_number(row["value"]):
        return [{**row, "value": [[row["value"]]]}]
    return [row]


_CHANGES: dict[str, Callable[[Row], Sequence[Row]]] = {
    "marker": _one_per_time,
    "segment": _one_per_time,
    "breakpoint": _point,
    "breakpoint_time": _time,
}
