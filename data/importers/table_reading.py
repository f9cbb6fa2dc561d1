"""A table as text -> its header and its rows, cell by cell; what does not fit the header is named by its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError, Where
from ..stores.cells import unguarded_cell
from .rows import lines_of, read_text

DELIMITERS = "\t;,"
# A last column of such a name may have further cells: each holds a value, as in MTG-Jamendo's tables.
SEVERAL = re.compile(r"(tags|labels|genres|instruments|moods|classes)", re.IGNORECASE)
NEVER_CLOSED = "the quotation mark is never closed"

Cells = dict[str, tuple[str, ...]]  # column -> its cell, or several in the last column


@dataclass
class TableText:
    """Header, rows with their lines, the rows that do not fit, and the columns that have several cells in a row."""

    header: list[str]
    rows: list[tuple[int, Cells]] = field(default_factory=list)
    errors: list[DataError] = field(default_factory=list)
    several: set[str] = field(default_factory=set)


def read_table(path: Path, tags: tuple[str, ...] = ()) -> TableText:
    """Read a table; spaces around cells are not part of them.

    Parameters
    ----------
    path : Path
        A text of cells between commas, semicolons or tabs, whichever the first line has most of.
    tags : tuple of str
        Columns of several values: the last column may be one with several cells.

    Raises
    ------
    DataError
        E463 for a table without a header, and at the line of a quotation mark that is never closed; E409.
    """
    if path.is_dir():
        raise DataError(
            f"'{path}' is a folder, expected a table",
            code="E463",
            help=f"give the file itself, such as {path / 'meta.csv'}",
        )
    text = read_text(path)
    records = _records(path, text)
    _, header = next(records, (1, []))
    _refuse_header(path, header)
    table = TableText(header)
    for line, cells in records:
        if len(cells) == len(header):
            table.rows.append(
                (line, {c: (v,) for c, v in zip(header, cells, strict=True)})
            )
        # The last column may run over: tags are often written one per cell, without a heading for each.
        elif len(cells) > len(header) and _holds_several(header[-1], tags):
            row: Cells = {c: (v,) for c, v in zip(header, cells, strict=False)}
            row[header[-1]] = tuple(cells[len(header) - 1 :])
            table.rows.append((line, row))
            table.several.add(header[-1])
        elif any(cells):
            table.errors.append(_wrong_size(path, line, cells, header))
    return table


def _holds_several(column: str, tags: tuple[str, ...]) -> bool:
    return column in tags or SEVERAL.fullmatch(column) is not None


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row. A row may go over several lines where a cell in quotes does."""
    first = text.split("\n", 1)[0]
    # A separator that the header does not use cannot be the one.
    delimiter = max(DELIMITERS, key=first.count)
    # Lines as csv needs them: with their ends, and cut there only, not at U+0085 or U+2028.
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, [unguarded_cell(cell.strip()) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise _broken(path, text, line, error) from error


def _broken(path: Path, text: str, line: int, error: csv.Error) -> DataError:
    """DataError E463 at the row in which the reader of csv lost its way: mostly at a mark without its partner."""
    # csv reports where it gave up, which may be the end of the file: the mark is in the row where it began.
    row = lines_of(text)[line - 1]
    mark = row.find('"')
    if mark < 0:
        return DataError(f"'{path}', line {line}: {error}", code="E463")
    if "unexpected end of data" in str(error):
        what = NEVER_CLOSED
    else:
        what = f"{NEVER_CLOSED} here, or closed within its cell"
    return DataError(
        what,
        code="E463",
        where=Where(str(path), line, mark + 1, 1, row),
        help='close it at the end of its cell; a quotation mark inside a cell is written twice: ""',
    )


def _refuse_header(path: Path, header: list[str]) -> None:
    if not any(header):
        what = "is empty"
    elif len(set(header)) < len(header):
        what = "names a column twice"
    else:
        return
    raise DataError(
        f"the first line of '{path}' {what}",
        code="E463",
        help="it holds the names of the columns",
    )


def _wrong_size(
    path: Path, line: int, cells: list[str], header: list[str]
) -> DataError:
    help = "a cell with a comma in it stands in quotes"
    if len(cells) > len(header):
        help += "; several values: --set tags=COLUMN, if it is the last column"
    return DataError(
        f"'{path}', line {line}: {len(cells)} cells, the header has {len(header)}",
        code="E463",
        help=help,
    )
