"""From the text of a .pyjama file to its content, entry by entry: the atoms never are a million objects at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError, Where
from ..stores.reading import refuse_missing, unreadable
from .atoms import compact
from .definitions_check import current
from .older import modernise
from .reference import bring_to_form

_decode = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\n\r]*")


def read_pyjama(path: Path) -> Any:
    """The parsed file; every list of atoms that has the form of one is an `Atoms`. Nothing is checked here.

    Raises DataError E400 for a missing file, E409 for one that cannot be read, E420 for invalid JSON.
    """
    try:
        refuse_missing(
            path, code="E400", help="check the path; the file is NAME.pyjama"
        )
        # Windows editors put a byte order mark in front, which JSON does not allow: utf-8-sig drops it.
        text = path.read_bytes().decode("utf-8-sig")
        raw = _parsed(text)
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        message = f"'{path}' is not UTF-8 text from byte {error.start} on"
        raise DataError(message, code="E420", help="save it as UTF-8") from error
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1]
        # A whole corpus may lie on one line, which no message can show: then only what comes before the fault.
        where = Where(
            str(path), error.lineno, error.colno, text=line if len(line) <= 160 else ""
        )
        if where.text:
            near = []
        else:
            near = [("after", text[max(0, error.pos - 60) : error.pos])]
        raise DataError(
            f"not valid JSON: {error.msg}", code="E420", where=where, facts=near
        ) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # a number of thousands of digits, thousands of open brackets
        raise DataError(f"'{path}' is not valid JSON: {error}", code="E420") from error
    # Both change what they find: what is saved again is in the form of today's version, and says so.
    is_older = modernise(raw)
    is_other = bring_to_form(raw)
    if (is_older or is_other) and "schemaversion" in raw:
        raw["schemaversion"] = current(raw["schemaversion"])
    return raw


def written(raw: Mapping[str, Any], entries: Iterator[str]) -> Iterator[str]:
    """The text of a file in pieces: `raw` with the `entries`, each its JSON, in collection.entry."""
    collection = raw["collection"]
    for name, value in raw.items():
        yield ("{" if name == next(iter(raw)) else ",") + json.dumps(name) + ":"
        if name != "collection":
            yield dumped(value)
            continue
        for inner, content in collection.items():
            yield (
                ("{" if inner == next(iter(collection)) else ",")
                + json.dumps(inner)
                + ":"
            )
            if inner != "entry":
                yield dumped(content)
                continue
            yield "["
            # The entries come from a generator, so they are never all in memory as text.
            for index, entry in enumerate(entries):
                if index:
                    yield ","
                yield entry
            yield "]"
        yield "}"
    yield "}"


def dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class _OtherForm(Exception):
    """The text is not the object that a .pyjama is: `json.loads` says why, or gives what it is."""


def _parsed(text: str) -> Any:
    try:
        # The walk knows only the form that files have; whatever is odd goes to json, which also words the errors.
        raw, end = _value("top", text, _after(text, 0))
        if _after(text, end) == len(text):
            return raw
    except (_OtherForm, json.JSONDecodeError, IndexError):
        pass
    return json.loads(text)


def _value(place: str, text: str, at: int) -> tuple[Any, int]:
    """The value at a place of the file: the two outer objects and the list of entries are walked, the rest decoded."""
    if place == "entry" and text[at] == "[":
        return _entries(text, at)
    if place in ("top", "collection") and text[at] == "{":
        return _members(place, text, at)
    return _decode(text, at)


def _members(place: str, text: str, at: int) -> tuple[dict[str, Any], int]:
    """An object whose members may be walked too."""
    inner = {"top": ("collection",), "collection": ("entry",)}[place]
    members: dict[str, Any] = {}
    at = _after(text, at + 1)
    while text[at] != "}":
        key, at = _decode(text, at)
        at = _after(text, at)
        if not isinstance(key, str) or text[at] != ":":
            raise _OtherForm
        members[key], at = _value(
            key if key in inner else "", text, _after(text, at + 1)
        )
        at = _next(text, at, "}")
    return members, at + 1


def _entries(text: str, at: int) -> tuple[list[Any], int]:
    entries = []
    at = _after(text, at + 1)
    while text[at] != "]":
        # An entry is made compact before the next one is read: the objects of one at a time are in memory.
        entry, at = _decode(text, at)
        entries.append(compact(entry))
        at = _next(text, at, "]")
    return entries, at + 1


def _next(text: str, at: int, end: str) -> int:
    """Where the next member begins, or the end stands."""
    at = _after(text, at)
    if text[at] == end:
        return at
    if text[at] == ",":
        at = _after(text, at + 1)
    else:
        at = -1
    if at < 0 or text[at] == end:
        raise _OtherForm
    return at


def _after(text: str, at: int) -> int:
    """The first place from `at` on that is not a space."""
    match = _space.match(text, at)
    if match:
        return match.end()
    return at
