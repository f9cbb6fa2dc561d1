"""Annotations as lines of text: `onset offset value ...`, times in seconds.

Times are added and subtracted as decimal numbers, so that onset and offset come out of a corpus as they went in.
"""

from __future__ import annotations

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
            value = Decimal(self.fields[field])
        except InvalidOperation:
            value = Decimal("nan")
        if not value.is_finite():
            raise self.wrong(f"expected a number, got '{self.fields[field]}'", field)
        return value

    def span(self) -> tuple[float, float]:
        """(time, duration) of the onset and the offset in the first two fields."""
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


def rows_of(path: Path, most: int = -1, header: bool = False) -> Iterator[Row]:
    """The lines that are neither empty nor comments (#), cut at white space, or at commas where a line has some.

    most    cuts of a line, at white space only; the rest is the last field
    header  the first line may be words: it is left out
    """
    first = header
    for number, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        if most < 0:
            fields = text.replace(",", " ").split()
        else:
            fields = text.split(None, most)
        row = Row(path, number, text, tuple(field.strip() for field in fields))
        if first and not _is_number(row.fields[0]):
            first = False
            continue
        first = False
        yield row


def read_text(path: Path) -> str:
    """UTF-8, else Latin-1, which old annotation files are in. Raises DataError E409."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def offset_of(time: float, duration: float | None) -> str:
    """Where a stretch of time ends."""
    return plain(Decimal(repr(float(time))) + Decimal(repr(float(duration or 0.0))))


def plain(value: float | int | Decimal) -> str:
    """The shortest decimal number that reads as `value`, without exponent."""
    if isinstance(value, int):
        return str(value)
    text = format(
        value if isinstance(value, Decimal) else Decimal(repr(float(value))), "f"
    )
    whole, point, decimals = text.partition(".")
    if point:
        return f"{whole}.{decimals.rstrip('0') or '0'}"
    return text


def _is_number(word: str) -> bool:
    try:
        return Decimal(word).is_finite()
    except InvalidOperation:
        return False
