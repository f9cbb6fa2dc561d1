"""What is wrong with the outer form of a .pyjama file and with its definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import did_you_mean
from .fault import Fault, is_finite, is_number, kind_of, quoted

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
VERSION = 1.4  # of what is written here
VERSIONS = ("1.31", "1.4")
_WORDS = {
    "type_extent": EXTENTS,
    "type_content": CONTENTS,
    "type_constraint": CONSTRAINTS,
}
_LISTS = ("dictionary", "row_name")


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


def version_of(version: Any) -> float | None:
    """The number of a schema version, which may be a text; None where it is not one."""
    if isinstance(version, bool) or not isinstance(version, (int, float, str)):
        return None
    try:
        return float(version)
    except (ValueError, OverflowError):
        return None


def current(version: Any) -> Any:
    """The version of what is written from a file of this version: today's, or the file's own where that is newer."""
    number = version_of(version)
    if number is not None and number < VERSION:
        return VERSION
    return version


def form_faults(raw: Any) -> Iterator[Fault]:
    """The outer form: nothing else can be looked at before this is right."""
    if not isinstance(raw, dict):
        yield Fault("E421", f"expected a JSON object, got {kind_of(raw)}")
        return
    if "schemaversion" not in raw:
        yield Fault(
            "E421",
            "has no 'schemaversion'",
            "add it: 1.4 is the version described in mirbricks.data.pyjama.file",
        )

    # Each level is looked into only if it is there and an object.
    collection = raw.get("collection")
    if not isinstance(collection, dict):
        yield _missing("an object", "collection", collection, raw)
        return
    if not isinstance(definitions := collection.get("descriptiondefinition"), dict):
        name = "descriptiondefinition"
        yield _missing("an object", f"collection.{name}", definitions, collection)
    if not isinstance(entries := collection.get("entry"), list):
        yield _missing("a list", "collection.entry", entries, collection)


def _missing(expected: str, place: str, value: Any, around: Mapping[str, Any]) -> Fault:
    near = None
    if value is None:
        near = did_you_mean(place.removeprefix("collection."), around)
    text = f"expected {expected} under '{place}', got {kind_of(value)}"
    return Fault("E421", text, near)


def version_faults(version: Any) -> Iterator[Fault]:
    number = version_of(version)
    if number is None or not 1 <= number < 2:
        text = f"'schemaversion' is {quoted(version)}, expected 1.x"
        yield Fault("E421", text, f"known are {' and '.join(VERSIONS)}")


def definition_faults(name: str, definition: Any) -> Iterator[Fault]:
    """Everything that is wrong with one definition."""
    place = f"definition '{name}'"
    if not isinstance(definition, dict):
        text = f"{place}: expected an object, got {kind_of(definition)}"
        yield Fault("E421", text)
        return
    # What may be left out gets its default, so that one rule holds for all words.
    words = {"type_constraint": "free", **definition}
    words["type_extent"] = extent_of(definition)
    for field, known in _WORDS.items():
        value = words.get(field)
        if value not in known:
            near = did_you_mean(value, known) if isinstance(value, str) else None
            text = f"{place}: '{field}' is {quoted(value)}, expected {_either(known)}"
            yield Fault("E421", text, near)

    # What is inside a list can be looked at only once it is one.
    wrong = [part for part in _LISTS if not isinstance(definition.get(part, []), list)]
    for part in wrong:
        yield Fault("E421", f"{place}: expected a list under '{part}'")
    if not wrong:
        yield from _row_name_faults(place, definition.get("row_name", []))
        yield from _dictionary_faults(place, definition)


def _row_name_faults(place: str, names: list[Any]) -> Iterator[Fault]:
    if not all(isinstance(name, str) for name in names):
        text = f"{place}: 'row_name' holds something that is not a text"
        yield Fault("E421", text)


def _dictionary_faults(place: str, definition: Mapping[str, Any]) -> Iterator[Fault]:
    """The words of a dictionary, or its two bounds for numbers."""
    dictionary = definition.get("dictionary", [])
    if definition.get("type_constraint") != "value_in_dictionary":
        return
    if definition.get("type_content") == "numeric":
        if not _are_bounds(dictionary):
            text = f"{place}: 'dictionary' is {quoted(dictionary)}, expected the lowest and highest number"
            yield Fault("E421", text, 'such as "dictionary": [0, 127]')
        return
    if not dictionary:
        text = f"{place}: 'dictionary' is empty, so no value is allowed"
        yield Fault("E421", text, "list the words allowed")
    if not all(isinstance(word, str) for word in dictionary):
        text = f"{place}: 'dictionary' holds something that is not a text"
        yield Fault("E421", text)
    elif len(set(dictionary)) < len(dictionary):
        repeated = (word for word in dictionary if dictionary.count(word) > 1)
        text = f"{place}: 'dictionary' holds {quoted(next(repeated))} twice"
        yield Fault("E421", text, "keep one of them")


def _are_bounds(dictionary: list[Any]) -> bool:
    """Whether it is the lowest and the highest number."""
    if len(dictionary) != 2:
        return False
    lowest, highest = dictionary
    numbers = is_number(lowest) and is_number(highest)
    return bool(numbers and is_finite(dictionary) and lowest <= highest)


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
