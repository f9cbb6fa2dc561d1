"""Annotations as lines of text: `onset offset value ...`, times in seconds.

Times are added and subtracted as decimal numbers, so that onset and offset come out of a corpus as they went in.
"""

from __future__ import annotations

import codecs
import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ...errors import DataError, Where
from ..stores.reading import unreadable


@dataclass(frozen=True)
class Row:
    """A line of a file: `number` counts from 1."""

    path: Path
    number: int
    text: str
    fields: tuple[str, ...]

    def wrong(self, message: str, field: int = 0, help: str | None = None) -> DataError:
        """DataError E463 that marks a field."""
        if field < len(self.fields):
            word = self.fields[field]
        else:
            word = self.text
        column = self.text.find(word) + 1
        where = Where(
            str(self.path), self.number, max(column, 1), max(len(word), 1), self.text
        )
        return DataError(message, code="E463", where=where, help=help)

    def decimal(self, field: int) -> Decimal:
        """A finite number. Raises DataError E463."""
        try:
            # Decimal, not float: offset - onset then has the digits that were written.
            value = Decimal(self.fields[field])
        except InvalidOperation:
            value = Decimal("nan")
        if not value.is_finite():
            raise self.wrong(f"expected a number, got '{self.fields[field]}'", field)
        if not math.isfinite(float(value)):
            raise self.wrong(f"{self.fields[field]} is too large a number", field)
        return value

    def span(self) -> tuple[float, float]:
        """(time, duration) of the onset and the offset in the first two fields."""
        # As decimal numbers: 0.3 - 0.1 is 0.2 here, and 0.19999999999999998 in binary ones.
        onset = self.decimal(0)
        offset = self.decimal(1)
        if offset < onset:
            raise self.wrong(f"the offset {offset} s is before the onset {onset} s", 1)
        return float(onset), float(offset - onset)

    def number_of(self, field: int) -> int | float:
        """A number as it was written: whole, or not."""
        value = self.decimal(field)
        if self.fields[field].lstrip("+-").isdigit():
            return int(value)
        return float(value)


def rows_of(path: Path, most: int = -1) -> Iterator[Row]:
    """The lines that are neither empty nor comments (#), cut at white space, or at commas where a line has some.

    most  cuts of a line, at white space only; the rest is the last field
    """
    for number, text in enumerate(lines_of(read_text(path)), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        if most < 0:
            fields = text.replace(",", " ").split()
        else:
            fields = text.split(None, most)
        yield Row(path, number, text, tuple(field.strip() for field in fields))


def is_number(word: str) -> bool:
    """Whether a word is a finite number."""
    try:
        return Decimal(word).is_finite()
    except InvalidOperation:
        return False


def lines_of(text: str) -> list[str]:
    """The lines as editors count them: U+0085, U+2028 and the like, which `str.splitlines` takes too, end none."""
    return re.split(r"\r\n|\n|\r", text)


def read_text(path: Path) -> str:
    """UTF-8, else Windows-1252, else Latin-1, which old files are in; a byte order mark says UTF-16.

    Raises DataError E409.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding)

    # Latin-1 has a character for every byte, so this never fails.
    return data.decode("latin-1")


def offset_of(time: float, duration: float | None) -> str:
    """Where a stretch of time ends."""
    return plain(Decimal(repr(float(time))) + Decimal(repr(float(duration or 0.0))))


def plain(value: float | int | Decimal) -> str:
    """The shortest decimal number that reads as `value`, without exponent."""
    if isinstance(value, int):
        return str(value)

    # repr is the shortest text that gives the same float; "f" writes it without an exponent.
    text = format(
        value if isinstance(value, Decimal) else Decimal(repr(float(value))), "f"
    )
    whole, point, decimals = text.partition(".")
    if point:
        return f"{whole}.{decimals.rstrip('0') or '0'}"
    return text
