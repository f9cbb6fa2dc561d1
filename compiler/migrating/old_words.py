"""The old names of fields in a native graph file, replaced by those of today; everything else stays as it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import Where
from ..language.configs import OldWord


def old_words(path: str | Path, read: Callable[[str | Path], object]) -> list[OldWord]:
    """What `read` finds of old words in a graph file and in those that it names, each place once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(path)
    # A sub-graph may be read several times, and warns each time.
    found = {}
    for one in caught:
        if isinstance(one.message, OldWord):
            found[one.message.where] = one.message
    return list(found.values())


def with_new_words(path: str | Path, found: Sequence[OldWord]) -> str:
    """The text of the file with these words replaced."""
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    placed = [(one.where, one.new) for one in found if one.where is not None]
    # From the right to the left: the places before a word stay where they are.
    placed.sort(key=lambda pair: (pair[0].line, -pair[0].column))
    for where, new in placed:
        line = lines[where.line - 1]
        begin = where.column - 1
        lines[where.line - 1] = f"{line[:begin]}{new}{line[begin + where.length :]}"
    return "\n".join(lines)


def notes(path: str | Path, found: Sequence[OldWord]) -> list[str]:
    """What was replaced, and the other files that have old words too, a line each."""
    places: list[Where] = [one.where for one in found if one.where is not None]
    here = [where.line for where in places if where.file == str(path)]
    told = []
    if here:
        lines = ", ".join(map(str, sorted(set(here))))
        told.append(f"old names of fields were replaced on line {lines}")
    for file in dict.fromkeys(where.file for where in places):
        if file != str(path):
            told.append(f"{file} has old names of fields too: migrate it as well")
    return told
