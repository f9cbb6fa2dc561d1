"""What the columns of a table mean: numbers, words, several tags in a cell, or one tag in each of many columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..pyjama.file import Atom, Definition
from .table_reading import Cells

SPLITS = {"training": "train", "val": "valid", "validation": "valid", "testing": "test"}
LEAST_BINARY = 3  # so many columns of 0 and 1 are the tags of a recording, as in MagnaTagATune's table
YES = ("1", "1.0", "true")
NO = ("0", "0.0", "false")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_NUMBERED = re.compile(
    r"(tag|label|genre|instrument|mood|class)[ _-]?\d+", re.IGNORECASE
)

Rows = Sequence[tuple[int, Cells]]


@dataclass(frozen=True)
class Column:
    """One column as one annotation. `separator` stands between the values of a cell that has several."""

    name: str
    column: str
    is_numeric: bool = False
    is_split: bool = False
    separator: str = ""

    def atoms(self, cells: Cells) -> list[Atom] | None:
        """The atoms of a row, or None where its cell is empty."""
        values = self.values(cells)
        if not values:
            return None
        if self.is_numeric:
            return [Atom(_number(value)) for value in values]
        if self.is_split:
            return [Atom(SPLITS.get(value.lower(), value)) for value in values]
        return [Atom(value) for value in values]

    def values(self, cells: Cells) -> list[str]:
        values = list(cells[self.column])
        if self.separator:
            parts = [value.split(self.separator) for value in values]
            values = [one.strip() for part in parts for one in part]
        return [value for value in values if value]

    def definition(self, rows: Rows) -> Definition:
        if not self.separator:
            return Definition("global", "numeric" if self.is_numeric else "text")
        words = sorted({value for _, cells in rows for value in self.values(cells)})
        return Definition("global", "text", "value_in_dictionary", words)


@dataclass(frozen=True)
class Together:
    """Several columns as one annotation: a value in each (`tag1`, `tag2`), or 0 and 1 under the name of a tag."""

    name: str
    columns: tuple[str, ...]
    is_binary: bool

    def atoms(self, cells: Cells) -> list[Atom] | None:
        """The tags of a row; an empty list where all are 0, None where nothing is said."""
        if self.is_binary:
            found = [c for c in self.columns if cells[c][0].lower() in YES]
        else:
            found = [value for c in self.columns for value in cells[c] if value]
        if not found and not self.is_binary:
            return None
        return [Atom(value) for value in dict.fromkeys(found)]

    def definition(self, rows: Rows) -> Definition:
        if self.is_binary:
            words = list(self.columns)
        else:
            words = sorted(
                {a.value for _, cells in rows for a in self.atoms(cells) or ()}
            )
        return Definition("global", "text", "value_in_dictionary", words)


def all_numbers(cells: Iterable[str]) -> bool:
    """Whether all cells that are not empty are numbers as JSON writes them: 007 is a word."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(map(_NUMBER.fullmatch, filled))


def binary_columns(names: Iterable[str], rows: Rows) -> tuple[str, ...]:
    """The columns that hold 0 and 1 only, where there are enough of them to be tags."""
    found = []
    for name in names:
        values = {cells[name][0].lower() for _, cells in rows}
        if values and values <= {*YES, *NO}:
            found.append(name)

    # A few columns of 0 and 1 are facts of their own; many are the tags of a vocabulary.
    if len(found) < LEAST_BINARY:
        return ()
    return tuple(found)


def numbered_columns(names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Columns such as tag1, tag2 and tag3: `tag` and its columns."""
    groups: dict[str, list[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match:
            groups.setdefault(match[1].lower(), []).append(name)
    return {name: tuple(own) for name, own in groups.items() if len(own) > 1}


def _number(cell: str) -> int | float:
    if cell.lstrip("-").isdigit():
        return int(cell)
    return float(cell)
