"""What is wrong with a .pyjama file: every violation in one pass, each with its entry, annotation and atom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import DataError, did_you_mean
from .atoms import Atoms, compact
from .atoms_check import Fault, annotation_faults, is_finite, quoted

EXTENTS = (
    "global",
    "marker",
    "segment",
    "breakpoint",
    "breakpoint_time",
    "breakpoint_value",
)
CONTENTS = ("text", "numeric")
CONSTRAINTS = ("free", "filepath", "value_in_dictionary")
VERSIONS = ("1.31", "1.4")
MAX_LISTED = 50


@dataclass
class Checked:
    """A parsed file looked through: its violations, and what can be used of it."""

    errors: list[DataError]
    has_form: bool = False
    definitions: dict[str, Any] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)


def violations(raw: Any, file: str) -> list[DataError]:
    """The violations of a parsed file, in its order, at most `MAX_LISTED`; equal ones of one annotation are counted."""
    return checked(raw, file).errors


def checked(raw: Any, file: str) -> Checked:
    """The violations as `violations`; of the file, what has none: sound definitions, and entries with a key of their
    own, less the annotations that have a violation."""
    found = [_form_error(file, fault) for fault in _form_faults(raw)]
    if found:
        return Checked(found)
    definitions: dict[str, Any] = raw["collection"]["descriptiondefinition"]
    found += [
        _form_error(file, fault) for fault in _version_faults(raw["schemaversion"])
    ]
    found += [_form_error(file, fault) for fault in _definition_faults(definitions)]
    sound = {
        name: d
        for name, d in definitions.items()
        if not list(_definition_faults({name: d}))
    }
    entries = []
    seen = set[str]()
    for index, entry in enumerate(raw["collection"]["entry"]):
        good = compact(entry)
        found += _entry_errors(good, index, definitions, sound, seen, file)
        if good is not None and isinstance(good, dict) and "filepath" in good:
            entries.append(good)
    if not found and not is_finite(
        {"raw": raw | {"collection": {**raw["collection"], "entry": []}}}
    ):
        found = [
            _form_error(
                file, ("E426", "a number outside the entries is NaN or infinite", None)
            )
        ]
    return Checked(_shortened(found), True, sound, entries)


def extent_of(definition: Mapping[str, Any]) -> Any:
    """The extent in the specification's words: 'event' is 'marker'."""
    extent = definition.get("type_extent")
    if extent == "event":
        return "marker"
    return extent


def shared_time(definitions: Mapping[str, Any]) -> str | None:
    """The annotation whose times the breakpoint_value annotations have: the last breakpoint_time that is defined."""
    names = [
        name
        for name, definition in definitions.items()
        if extent_of(definition) == "breakpoint_time"
    ]
    if names:
        return names[-1]
    return None


def _form_faults(raw: Any) -> Iterator[Fault]:
    """The outer form: nothing else can be looked at before this is right."""
    if not isinstance(raw, dict):
        yield "E421", f"expected a JSON object, got {_kind(raw)}", None
        return
    collection = raw.get("collection")
    if "schemaversion" not in raw:
        yield (
            "E421",
            "has no 'schemaversion'",
            "add it: 1.4 is the version described in mirbricks.data.pyjama.file",
        )
    if not isinstance(collection, dict):
        if collection is None:
            near = did_you_mean("collection", raw)
        else:
            near = None
        yield (
            "E421",
            f"expected an object under 'collection', got {_kind(collection)}",
            near,
        )
        return
    for name, kind, text in (
        ("descriptiondefinition", dict, "an object"),
        ("entry", list, "a list"),
    ):
        value = collection.get(name)
        if not isinstance(value, kind):
            if value is None:
                near = did_you_mean(name, collection)
            else:
                near = None
            yield (
                "E421",
                f"expected {text} under 'collection.{name}', got {_kind(value)}",
                near,
            )


def _version_faults(version: Any) -> Iterator[Fault]:
    try:
        if isinstance(version, (int, float, str)) and version is not True:
            number = float(version)
        else:
            number = 0.0
    except ValueError:
        number = 0.0
    if not 1 <= number < 2:
        yield (
            "E421",
            f"'schemaversion' is {quoted(version)}, expected 1.x",
            f"known are {' and '.join(VERSIONS)}",
        )


def _definition_faults(definitions: Mapping[str, Any]) -> Iterator[Fault]:
    for name, definition in definitions.items():
        if not isinstance(definition, dict):
            yield (
                "E421",
                f"definition '{name}': expected an object, got {_kind(definition)}",
                None,
            )
            continue
        words = {
            "type_constraint": "free",
            **definition,
            "type_extent": extent_of(definition),
        }
        for field_, known in (
            ("type_extent", EXTENTS), ("type_content", CONTENTS), ("type_constraint", CONSTRAINTS)
        ):  # fmt: skip
            value = words.get(field_)
            if value not in known:
                if isinstance(value, str):
                    near = did_you_mean(value, known)
                else:
                    near = None
                yield (
                    "E421",
                    f"definition '{name}': '{field_}' is {quoted(value)}, expected {_either(known)}",
                    near,
                )
        lists = [
            part
            for part in ("dictionary", "row_name")
            if not isinstance(definition.get(part, []), list)
        ]
        for part in lists:
            yield "E421", f"definition '{name}': expected a list under '{part}'", None
        if not lists:
            yield from _list_faults(name, definition)


def _list_faults(name: str, definition: Mapping[str, Any]) -> Iterator[Fault]:
    """The words of a dictionary, its two bounds for numbers, and the names of rows."""
    dictionary = definition.get("dictionary", [])
    if not all(isinstance(row, str) for row in definition.get("row_name", [])):
        yield (
            "E421",
            f"definition '{name}': 'row_name' holds something that is not a text",
            None,
        )
    if definition.get("type_constraint") != "value_in_dictionary":
        return
    if definition.get("type_content") == "numeric":
        numbers = [
            type(bound) in (int, float) and np.isfinite(bound) for bound in dictionary
        ]
        if numbers != [True, True] or dictionary[0] > dictionary[1]:
            text = f"definition '{name}': 'dictionary' is {quoted(dictionary)}, expected the lowest and highest number"
            yield "E421", text, 'such as "dictionary": [0, 127]'
        return
    if not dictionary:
        yield (
            "E421",
            f"definition '{name}': 'dictionary' is empty, so no value is allowed",
            "list the words allowed",
        )
    if not all(isinstance(word, str) for word in dictionary):
        yield (
            "E421",
            f"definition '{name}': 'dictionary' holds something that is not a text",
            None,
        )
    elif len(set(dictionary)) < len(dictionary):
        twice = next(
            word for i, word in enumerate(dictionary) if word in dictionary[:i]
        )
        yield (
            "E421",
            f"definition '{name}': 'dictionary' holds {quoted(twice)} twice",
            "keep one of them",
        )


def _entry_errors(
    entry: Any,
    index: int,
    definitions: Mapping[str, Any],
    sound: Mapping[str, Any],
    seen: set[str],
    file: str,
) -> Iterator[DataError]:
    """The violations of an entry, whose annotations that have one are taken out of it."""
    if not isinstance(entry, dict):
        yield _form_error(
            file,
            ("E421", f"entry {index}: expected an object, got {_kind(entry)}", None),
        )
        return
    key = _key(entry)
    if key:
        label = f"entry '{key}'"
    else:
        label = f"entry {index}"
    if not key:
        example = '"filepath": [{"value": "NAME.wav"}]'
        yield _form_error(
            file,
            (
                "E427",
                f"{label} has no filepath",
                f"add the key of its audio: {example}",
            ),
        )
    elif key in seen:
        yield _form_error(
            file,
            (
                "E427",
                f"two entries have the filepath '{key}'",
                "join them, or rename one",
            ),
        )
    unusable = not key or key in seen
    seen.add(key or "")
    n_times = _shared_size(entry, shared_time(sound))
    for name, atoms in list(entry.items()):
        errors = list(
            _annotation_errors(name, atoms, label, definitions, sound, n_times, file)
        )
        if errors or name not in sound or (unusable and name == "filepath"):
            del entry[name]
        yield from errors


def _annotation_errors(
    name: str,
    atoms: Any,
    label: str,
    definitions: Mapping[str, Any],
    sound: Mapping[str, Any],
    n_times: int | None,
    file: str,
) -> Iterator[DataError]:
    """One error per code: the first atom that has it, and how many others have it too."""
    place = f"{label}, annotation '{name}'"
    if name not in definitions:
        near = (
            did_you_mean(name, definitions)
            or f"define it, or use one of: {', '.join(definitions)}"
        )
        yield _form_error(
            file, ("E422", f"{place} is not in 'descriptiondefinition'", near)
        )
    elif not isinstance(atoms, (list, Atoms)):
        yield _form_error(
            file,
            ("E423", f"{place}: expected a list of atoms, got {_kind(atoms)}", None),
        )
    elif name in sound:
        definition = {**sound[name], "type_extent": extent_of(sound[name])}
        by_code: dict[str, list[tuple[int, Fault]]] = {}
        for index, fault in annotation_faults(atoms, definition, n_times):
            by_code.setdefault(fault[0], []).append((index, fault))
        for code, faults in by_code.items():
            index, (_, text, help) = faults[0]
            if len(faults) > 1:
                more = [("also", f"{len(faults) - 1} more atoms of this annotation")]
            else:
                more = []
            yield DataError(
                f"'{file}': {place}, atom {index}: {text}",
                code=code,
                facts=more,
                help=help,
            )


def _shared_size(entry: Mapping[str, Any], name: str | None) -> int | None:
    """How many times the entry's breakpoint_value annotations have; None without a breakpoint_time."""
    if name:
        atoms = entry.get(name)
    else:
        atoms = None
    if not isinstance(atoms, Atoms) or len(atoms) == 0:
        return None
    value = atoms.row(0)["value"]
    nested = isinstance(value, list) and value and isinstance(value[0], list)
    row: Any = value[0] if nested else value
    if isinstance(row, list):
        return len(row)
    return None


def _key(entry: Mapping[str, Any]) -> str | None:
    """`filepath[0].value`, or None where there is none."""
    atoms = entry.get("filepath")
    if isinstance(atoms, Atoms) and len(atoms):
        first = atoms.row(0)
    else:
        first = None
    if isinstance(first, dict):
        value = first.get("value")
    else:
        value = None
    if isinstance(value, str) and value:
        return value
    return None


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    return names.get(type(value), "a number")


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


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
    return [
        *errors[: MAX_LISTED - 1],
        DataError(last.message, code=last.code, facts=facts, help=last.help),
    ]
