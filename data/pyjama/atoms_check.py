"""What is wrong with the atoms of one annotation.

Columns that are right are recognised at once; the slow walk over single atoms is for those that are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import did_you_mean
from .atoms import Atoms
from .curves_check import CURVES, curve_fault, order_faults
from .fault import Fault, are_numbers, flat, is_finite, is_number, kind_of, quoted

NEEDED = {"global": (), "marker": ("time",), "segment": ("time", "duration")}
_TIMED = {"value", "time", "duration"}
_CHECKED = (*_TIMED, "confidence", "comment")


def annotation_faults(
    atoms: Atoms | list[Any], definition: Mapping[str, Any], n_times: int | None
) -> list[tuple[int, Fault]]:
    """(atom, fault) of each atom that has one; `n_times` is the size of the entry's shared breakpoint_time."""
    if isinstance(atoms, Atoms):
        # Nearly all annotations are right, and their columns show it without a look at each atom.
        if len(atoms) == 0 or _columns_are_right(atoms, definition):
            return []
        rows = list(atoms.rows())
    else:
        rows = atoms
    each = [atom_fault(atom, definition, n_times) for atom in rows]
    faults = [(index, fault) for index, fault in enumerate(each) if fault]
    if faults:
        return faults

    # Each atom is right; are they so together?
    extent = definition["type_extent"]
    if extent == "breakpoint":
        return list(order_faults(rows))[:1]
    if extent in CURVES and len(rows) > 1:
        help = "put all times, and all rows, in one atom"
        return [(1, Fault("E424", "expected one atom", help))]
    return []


def _columns_are_right(atoms: Atoms, definition: Mapping[str, Any]) -> bool:
    """Whether the columns of global, marker or segment atoms show that all is right; False means: look closer."""
    extent = definition["type_extent"]
    if extent in CURVES or not set(NEEDED[extent]) <= set(atoms.names) <= _TIMED:
        return False
    for name in ("time", "duration"):
        seconds = atoms.column(name)
        if seconds is not None and not _is_finite_array(seconds):
            return False
    durations = atoms.column("duration")
    if durations is not None and (durations < 0).any():
        return False

    # Times first, since they cost least; values may be a million texts.
    values = atoms.column("value")
    numeric = definition["type_content"] == "numeric"
    if numeric and not _is_finite_array(values):
        return False
    if not numeric and not _are_texts(values):
        return False
    dictionary = _dictionary_of(definition)
    if not dictionary:
        return True
    if numeric:
        lowest, highest = dictionary
        return bool((values >= lowest).all() and (values <= highest).all())
    # Of a million labels only a few are different.
    return set(values) <= set(dictionary)


def _is_finite_array(column: Any) -> bool:
    return isinstance(column, np.ndarray) and bool(np.isfinite(column).all())


def _are_texts(column: Any) -> bool:
    return isinstance(column, list) and set(map(type, column)) == {str}


def _dictionary_of(definition: Mapping[str, Any]) -> list[Any]:
    """The words allowed, or the two bounds; empty where every value is."""
    if definition.get("type_constraint") != "value_in_dictionary":
        return []
    return definition.get("dictionary") or []


def atom_fault(
    atom: Any, definition: Mapping[str, Any], n_times: int | None = None
) -> Fault | None:
    """The first thing that is wrong with an atom."""
    if not isinstance(atom, dict) or "value" not in atom:
        text = f"expected an object with a 'value', got {kind_of(atom)}"
        return Fault("E423", text)
    if definition["type_extent"] in CURVES:
        fault = curve_fault(atom, definition, n_times)
    else:
        fault = _value_fault(atom["value"], definition) or _time_fault(atom, definition)

    # One fault per atom is enough: the others often follow from it.
    return fault or _further_fault(atom) or _dictionary_fault(atom["value"], definition)


def _value_fault(value: Any, definition: Mapping[str, Any]) -> Fault | None:
    """One number or text; a list of several; for numbers a matrix too."""
    values = list(flat(value))
    if definition["type_content"] == "numeric":
        kind = "number"
        right = bool(values) and are_numbers(values)
    else:
        kind = "text"
        right = _is_text(value, values)
    if not right:
        text = f"expected a {kind} as 'value', got {quoted(value)}"
        return Fault("E423", text)

    # Only numbers of the right kind can be asked whether they are finite.
    if not is_finite(values):
        return Fault("E426", "'value' is NaN or infinite")
    names = definition.get("row_name") or []
    if isinstance(value, list) and names and len(values) != len(names):
        text = f"'value' has {len(values)} numbers for {len(names)} names in 'row_name'"
        return Fault("E424", text)
    return None


def _is_text(value: Any, values: list[Any]) -> bool:
    """A text, or a list with one at least: a text may go with numbers in it."""
    if not isinstance(value, list):
        return isinstance(value, str)
    texts = [one for one in values if isinstance(one, str)]
    others = [one for one in values if not isinstance(one, str)]
    return bool(texts) and are_numbers(others)


def _time_fault(atom: Mapping[str, Any], definition: Mapping[str, Any]) -> Fault | None:
    for name in ("time", "duration"):
        # What the extent does not need may be left out, but what is there must be a number.
        if name not in atom and name not in NEEDED[definition["type_extent"]]:
            continue
        seconds: Any = atom.get(name)
        if not is_number(seconds):
            text = f"expected a number of seconds as '{name}', got {quoted(seconds)}"
            return Fault("E423", text, _several_help(seconds))
        if not is_finite(seconds):
            return Fault("E426", f"'{name}' is NaN or infinite")
    if atom.get("duration", 0) < 0:
        return Fault("E425", f"the duration is negative: {atom['duration']} s")
    return None


def _several_help(seconds: Any) -> str | None:
    """The next step where an atom holds several times, and not as many values."""
    if isinstance(seconds, list):
        return f"write an atom for each time, or {len(seconds)} values for the {len(seconds)} times"
    return None


def _further_fault(atom: Mapping[str, Any]) -> Fault | None:
    """confidence, comment, and the fields that the format does not know."""
    confidence = atom.get("confidence", 0)
    if not are_numbers(list(flat(confidence))):
        text = f"expected a number as 'confidence', got {quoted(confidence)}"
        return Fault("E423", text)
    comment = atom.get("comment", "")
    if not isinstance(comment, str):
        text = f"expected a text as 'comment', got {quoted(comment)}"
        return Fault("E423", text)
    if not is_finite(confidence):
        return Fault("E426", "'confidence' is NaN or infinite")
    others = [value for name, value in atom.items() if name not in _CHECKED]
    if not is_finite(others):
        return Fault("E426", "a field of the atom is NaN or infinite")
    return None


def _dictionary_fault(value: Any, definition: Mapping[str, Any]) -> Fault | None:
    dictionary: Sequence[Any] = _dictionary_of(definition)
    if not dictionary:
        return None
    if definition["type_content"] == "numeric":
        lowest, highest = dictionary
        outside = [one for one in flat(value) if not lowest <= one <= highest]
        if outside:
            text = f"the value {outside[0]} is not from {lowest} to {highest}"
            return Fault("E428", text)
        return None
    unknown = [one for one in flat(value) if one not in dictionary]
    if unknown:
        text = (
            f"the value {quoted(unknown[0])} is not in the dictionary of the definition"
        )
        return Fault("E428", text, did_you_mean(str(unknown[0]), dictionary))
    return None
