"""What is wrong with a .pyjama file: every violation in one pass, each with its entry, annotation and atom."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import DataError, did_you_mean

EXTENTS = ("global", "event", "segment", "breakpoint")
CONTENTS = ("text", "numeric")
MAX_LISTED = 50
_NUMBER = {int, float}

Fault = tuple[str, str, str | None]  # code, what is wrong, help


def violations(raw: Any, file: str) -> list[DataError]:
    """The violations of a parsed file, in its order, at most `MAX_LISTED`; equal ones of one annotation are counted."""
    found = [_form_error(file, fault) for fault in _form_faults(raw)]
    if found:
        return found
    definitions: dict[str, Any] = raw["collection"]["descriptiondefinition"]
    found = [_form_error(file, fault) for fault in _definition_faults(definitions)]
    sound = {name: d for name, d in definitions.items() if not list(_definition_faults({name: d}))}
    seen: set[str] = set()
    for index, entry in enumerate(raw["collection"]["entry"]):
        found += _entry_errors(entry, index, definitions, sound, seen, file)
    if not found and not _finite({"raw": raw | {"collection": {**raw["collection"], "entry": []}}}):
        found = [_form_error(file, ("E426", "a number outside the entries is NaN or infinite", None))]
    return _shortened(found)


def _form_faults(raw: Any) -> Iterator[Fault]:
    """The outer form: nothing else can be looked at before this is right."""
    if not isinstance(raw, dict):
        yield "E421", f"expected a JSON object, got {_kind(raw)}", None
        return
    collection = raw.get("collection")
    if "schemaversion" not in raw:
        yield "E421", "has no 'schemaversion'", "add it: 1.31 is the version described in mirbricks.data.pyjama"
    if not isinstance(collection, dict):
        near = did_you_mean("collection", raw) if collection is None else None
        yield "E421", f"expected an object under 'collection', got {_kind(collection)}", near
        return
    for name, kind, text in (("descriptiondefinition", dict, "an object"), ("entry", list, "a list")):
        value = collection.get(name)
        if not isinstance(value, kind):
            near = did_you_mean(name, collection) if value is None else None
            yield "E421", f"expected {text} under 'collection.{name}', got {_kind(value)}", near


def _definition_faults(definitions: Mapping[str, Any]) -> Iterator[Fault]:
    for name, definition in definitions.items():
        if not isinstance(definition, dict):
            yield "E421", f"definition '{name}': expected an object, got {_kind(definition)}", None
            continue
        for field, known in (("type_extent", EXTENTS), ("type_content", CONTENTS)):
            value = definition.get(field)
            if value not in known:
                near = did_you_mean(value, known) if isinstance(value, str) else None
                text = f"definition '{name}': '{field}' is {_quoted(value)}, expected {' or '.join(known)}"
                yield "E421", text, near
        for field in ("dictionary", "row_name"):
            if not isinstance(definition.get(field, []), list):
                yield "E421", f"definition '{name}': expected a list under '{field}'", None


def _entry_errors(
    entry: Any, index: int, definitions: Mapping[str, Any], sound: Mapping[str, Any], seen: set[str], file: str
) -> Iterator[DataError]:
    if not isinstance(entry, dict):
        yield _form_error(file, ("E421", f"entry {index}: expected an object, got {_kind(entry)}", None))
        return
    key = _key(entry)
    label = f"entry '{key}'" if key else f"entry {index}"
    if not key:
        example = '"filepath": [{"value": "NAME.wav"}]'
        yield _form_error(file, ("E427", f"{label} has no filepath", f"add the key of its audio: {example}"))
    elif key in seen:
        yield _form_error(file, ("E427", f"two entries have the filepath '{key}'", "join them, or rename one"))
    seen.add(key or "")
    for name, atoms in entry.items():
        place = f"{label}, annotation '{name}'"
        if name not in definitions:
            near = did_you_mean(name, definitions) or f"define it, or use one of: {', '.join(definitions)}"
            yield _form_error(file, ("E422", f"{place} is not in 'descriptiondefinition'", near))
        elif not isinstance(atoms, list):
            yield _form_error(file, ("E423", f"{place}: expected a list of atoms, got {_kind(atoms)}", None))
        elif name in sound:
            yield from _atom_errors(atoms, sound[name], place, file)


def _atom_errors(atoms: list[Any], definition: Mapping[str, Any], place: str, file: str) -> Iterator[DataError]:
    """One error per code: the first atom that has it, and how many others have it too."""
    by_code: dict[str, list[tuple[int, Fault]]] = {}
    for index, atom in enumerate(atoms):
        fault = atom_fault(atom, definition)
        if fault:
            by_code.setdefault(fault[0], []).append((index, fault))
    if not by_code and definition["type_extent"] == "breakpoint":
        by_code = {fault[0]: [(index, fault)] for index, fault in list(_order_faults(atoms))[:1]}
    for code, faults in by_code.items():
        index, (_, text, help) = faults[0]
        more = [("also", f"{len(faults) - 1} more atoms of this annotation")] if len(faults) > 1 else []
        yield DataError(f"'{file}': {place}, atom {index}: {text}", code=code, facts=more, help=help)


def atom_fault(atom: Any, definition: Mapping[str, Any]) -> Fault | None:
    """The first thing that is wrong with an atom."""
    if not isinstance(atom, dict) or "value" not in atom:
        return "E423", f"expected an object with a 'value', got {_kind(atom)}", None
    extent, numeric = definition["type_extent"], definition["type_content"] == "numeric"
    fault = _breakpoint_fault(atom, numeric) if extent == "breakpoint" else _point_fault(atom, extent, numeric)
    if fault:
        return fault
    if len(atom) > 1 and not _finite([v for k, v in atom.items() if k not in ("value", "time", "duration")]):
        return "E426", "a field of the atom is NaN or infinite", None
    dictionary = definition.get("dictionary")
    if dictionary and definition.get("type_constraint") == "value_in_dictionary" and atom["value"] not in dictionary:
        near = did_you_mean(str(atom["value"]), map(str, dictionary))
        return "E428", f"the value {_quoted(atom['value'])} is not in the dictionary of the definition", near
    return None


def _point_fault(atom: Mapping[str, Any], extent: str, numeric: bool) -> Fault | None:
    """Global, event and segment atoms: one value, at most one time and one duration."""
    value = atom["value"]
    right = _are_numbers(value if isinstance(value, list) else [value]) if numeric else isinstance(value, str)
    if not right:
        return "E423", f"expected a {'number' if numeric else 'text'} as 'value', got {_quoted(value)}", None
    if numeric and not _finite(value):
        return "E426", "'value' is NaN or infinite", None
    needed = {"global": (), "event": ("time",), "segment": ("time", "duration")}[extent]
    for name in ("time", "duration"):
        if name in atom or name in needed:
            seconds: Any = atom.get(name)
            if type(seconds) not in _NUMBER:
                return "E423", f"expected a number of seconds as '{name}', got {_quoted(seconds)}", None
            if not math.isfinite(seconds):
                return "E426", f"'{name}' is NaN or infinite", None
    if atom.get("duration", 0) < 0:
        return "E425", f"the duration is negative: {atom['duration']} s", None
    return None


def _breakpoint_fault(atom: Mapping[str, Any], numeric: bool) -> Fault | None:
    """Breakpoint atoms: a list of T values, or rows of T values, and a list of T times."""
    value, times = atom["value"], atom.get("time")
    if not isinstance(value, list):
        return "E423", f"expected a list of values or of rows as 'value', got {_quoted(value)}", None
    if not isinstance(times, list) or not _are_numbers(times):
        return "E423", f"expected a list of seconds as 'time', got {_kind(times)}", None
    if type(atom.get("duration", 0)) not in _NUMBER:
        return "E423", f"expected a number of seconds as 'duration', got {_quoted(atom['duration'])}", None
    if not times:
        return "E424", "'time' is empty", "leave the atom out where nothing is annotated"
    for index, row in enumerate(_rows(value)):
        if not (_are_numbers(row) if numeric else all(isinstance(item, str) for item in row)):
            return (
                "E423",
                f"row {index} of 'value' holds something that is not a {'number' if numeric else 'text'}",
                None,
            )
        if len(row) != len(times):
            return "E424", f"row {index} of 'value' has {len(row)} values for {len(times)} times", None
        if numeric and not _finite(row):
            return "E426", f"row {index} of 'value' has NaN or infinity", "use 0 where there is no value"
    if not _finite(times):
        return "E426", "'time' has NaN or infinity", None
    steps = np.diff(np.asarray(times, np.float64))
    if (steps <= 0).any():
        first = int(np.argmax(steps <= 0))
        return "E424", f"the times do not increase: {times[first]} s, then {times[first + 1]} s", "sort them"
    return None


def _rows(value: list[Any]) -> list[Any]:
    """The rows of a breakpoint's value, which may be one row alone."""
    return value if value and all(isinstance(row, list) for row in value) else [value]


def _order_faults(atoms: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Fault]]:
    """Breakpoint atoms continue each other: the same rows, later times."""
    for index, (before, atom) in enumerate(pairwise(atoms), 1):
        rows, known = len(_rows(atom["value"])), len(_rows(before["value"]))
        if rows != known:
            text = f"the number of rows of 'value' is {rows}, in the atom before {known}"
            yield index, ("E424", text, "give every atom all rows, with 0 where one has no value")
        if atom["time"][0] <= before["time"][-1]:
            text = f"it begins at {atom['time'][0]} s, the atom before ends at {before['time'][-1]} s"
            yield index, ("E424", text, "sort the atoms by time; curves of the same time are rows of one atom")


def _are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= _NUMBER


def _finite(value: Any) -> bool:
    """Whether every number in it, however nested, is finite."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list) and not _are_numbers(value):
        return all(map(_finite, value))
    if not isinstance(value, (list, float, int)):
        return True
    try:
        return bool(np.isfinite(np.asarray(value, np.float64)).all())
    except OverflowError:  # an integer beyond every float
        return False


def _key(entry: Mapping[str, Any]) -> str | None:
    """`filepath[0].value`, or None where there is none."""
    atoms = entry.get("filepath")
    first = atoms[0] if isinstance(atoms, list) and atoms else None
    value = first.get("value") if isinstance(first, dict) else None
    return value if isinstance(value, str) and value else None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")


def _quoted(value: Any) -> str:
    text = "nothing" if value is None else f"'{value}'"
    return text if len(text) <= 60 else text[:57] + "...'"


def _form_error(file: str, fault: Fault) -> DataError:
    code, text, help = fault
    return DataError(f"'{file}': {text}", code=code, help=help)


def _shortened(errors: list[DataError]) -> list[DataError]:
    """The first `MAX_LISTED` errors; the last of them says how many follow."""
    rest = len(errors) - MAX_LISTED
    if rest <= 0:
        return errors
    last = errors[MAX_LISTED - 1]
    facts = [*last.facts, ("more", f"{rest} violations that are not listed")]
    return [*errors[: MAX_LISTED - 1], DataError(last.message, code=last.code, facts=facts, help=last.help)]
