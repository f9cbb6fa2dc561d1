"""A table (CSV, or with tabs or semicolons): a row for each recording, a column for each thing known about it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pydantic import Field

from ...errors import DataError, did_you_mean
from ..pyjama.file import Atom, Definition
from .beside import without_place
from .contract import Importer, ImportOptions, Names, Recording, importer
from .destination import Destination, Stored
from .rows import read_text
from .walk import audio_below, below

PATH_NAMES = ("path", "filepath", "file", "filename", "file_name", "audio")
SPLITS = {"training": "train", "val": "valid", "validation": "valid", "testing": "test"}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


class TableOptions(ImportOptions):
    path: str = Field(
        "",
        description=f"the column of the audio's path (default: {', '.join(PATH_NAMES)})",
    )
    tags: Names = Field((), description="columns with several values in a cell")
    separator: str = Field(
        "|",
        min_length=1,
        description="what stands between the values of a cell (default: |)",
    )
    group: str = Field(
        "",
        description="the column of what a split must not tear apart; becomes `piece`",
    )
    fold: str = Field("", description="the column of the fold; becomes `fold`")
    split: str = Field(
        "", description="the column that says train, valid or test; becomes `split`"
    )
    columns: Names = Field((), description="the other columns to take (default: all)")
    root: str = Field(
        "",
        description="the folder that the paths start from (default: that of the table)",
    )


Rows = list[tuple[int, dict[str, str]]]  # line, column -> cell


@importer(
    "csv", "a table with a row for each recording: its path, and its labels in columns"
)
class Table(Importer):
    """Every column becomes a global annotation of its name: numbers where all cells are numbers, else text."""

    Options: ClassVar[type[ImportOptions]] = TableOptions
    options: TableOptions

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        header, rows, errors = read_table(source)
        path, columns = self._columns(header, source)
        numeric = {
            c
            for c in columns
            if c not in self.options.tags and _all_numbers(row[c] for _, row in rows)
        }
        self.definitions = {
            columns[c]: self._definition(c, c in numeric, rows) for c in columns
        }
        if self.options.root:
            root = Path(self.options.root)
        else:
            root = source.parent
        named = set()
        for line, row in rows:
            key = row[path].strip()
            if not key or key.startswith("/") or ".." in PurePosixPath(key).parts:
                errors.append(
                    DataError(
                        f"'{source}', line {line}: '{key}' is no path below '{root}'",
                        code="E433",
                    )
                )
                continue
            key = PurePosixPath(key.replace("\\", "/")).as_posix()
            named.add(key)
            atoms = {
                columns[c]: self._atoms(c, row[c], c in numeric)
                for c in columns
                if row[c]
            }
            yield Recording(key, (root / key,) if self.with_audio else (), atoms)
        if self.with_audio:
            alone = [
                sound
                for sound in audio_below(root, errors)
                if below(sound, root) not in named
            ]
            errors += [
                DataError(
                    f"'{sound}' has no annotation: no row of the table", code="E465"
                )
                for sound in alone
            ]
        yield from errors

    def _columns(
        self, header: Sequence[str], source: Path
    ) -> tuple[str, dict[str, str]]:
        """The column of the path, and the others: column -> annotation. Raises DataError E464."""
        options = self.options
        path = options.path or next((name for name in PATH_NAMES if name in header), "")
        if not path:
            message = f"no column of '{source}' is called path"
            raise DataError(
                message,
                code="E464",
                help=f"--set path=COLUMN says which it is: {', '.join(header)}",
            )
        roles = {options.group: "piece", options.fold: "fold", options.split: "split"}
        roles = {column: name for column, name in roles.items() if column}
        for column in (path, *options.tags, *roles, *options.columns):
            if column not in header:
                near = (
                    did_you_mean(column, header) or f"its columns: {', '.join(header)}"
                )
                raise DataError(
                    f"'{source}' has no column '{column}'", code="E464", help=near
                )
        wanted = options.columns or tuple(name for name in header if name != path)
        columns = {
            name: name for name in dict.fromkeys((*wanted, *options.tags))
        } | roles
        taken = [
            name
            for name in columns.values()
            if list(columns.values()).count(name) > 1 or name == "filepath"
        ]
        if taken:
            help = f"choose other columns with --set columns=...: {', '.join(header)}"
            raise DataError(
                f"two columns of '{source}' would be '{taken[0]}'",
                code="E464",
                help=help,
            )
        return path, columns

    def _definition(self, column: str, numeric: bool, rows: Rows) -> Definition:
        if column in self.options.tags:
            values = sorted(
                {
                    value
                    for _, row in rows
                    for value in row[column].split(self.options.separator)
                    if value
                }
            )
            return Definition("global", "text", "value_in_dictionary", values)
        return Definition("global", "numeric" if numeric else "text")

    def _atoms(self, column: str, cell: str, numeric: bool) -> list[Atom]:
        if column in self.options.tags:
            return [
                Atom(value) for value in cell.split(self.options.separator) if value
            ]
        if column == self.options.split:
            cell = SPLITS.get(cell.strip().lower(), cell.strip())
        return [Atom(_number(cell) if numeric else cell)]

    def export(self, corpus: Sequence[Stored], to: Destination) -> Iterator[DataError]:
        names = [name for name in _globals(corpus) if name != "filepath"]
        yield from without_place(corpus, "csv", lambda _: names)
        rows = []
        for stored in corpus:
            try:
                row = [to.audio(stored, stored.stem)]
            except DataError as error:
                yield error
                continue
            atoms = (stored.entry.annotations.get(name, ()) for name in names)
            rows.append(
                [
                    *row,
                    *(
                        self.options.separator.join(str(atom.value) for atom in found)
                        for found in atoms
                    ),
                ]
            )
        with to.path("meta.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["path", *names], *rows])


def read_table(path: Path) -> tuple[list[str], Rows, list[DataError]]:
    """Header, rows, and the rows that do not fit the header. Raises DataError E463 for a table without a header."""
    if path.is_dir():
        help = "give the file itself, such as "
        raise DataError(
            f"'{path}' is a folder, expected a table",
            code="E463",
            help=f"{help}{path / 'meta.csv'}",
        )
    lines = read_text(path).splitlines(keepends=True)
    if lines:
        first = lines[0]
    else:
        first = ""
    delimiter = max("\t;,", key=first.count)
    reader = csv.reader(lines, delimiter=delimiter)
    rows: Rows = []
    errors = []
    header = [name.strip() for name in next(reader, [])]
    if not any(header) or len(set(header)) < len(header):
        if not any(header):
            what = "is empty"
        else:
            what = "names a column twice"
        raise DataError(
            f"the first line of '{path}' {what}",
            code="E463",
            help="it holds the names of the columns",
        )
    try:
        for cells in reader:
            if len(cells) == len(header):
                rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
            elif cells:
                text = f"'{path}', line {reader.line_num}: {len(cells)} cells, the header has {len(header)}"
                errors.append(
                    DataError(
                        text,
                        code="E463",
                        help="a cell with a comma in it stands in quotes",
                    )
                )
    except csv.Error as error:
        raise DataError(
            f"'{path}', line {reader.line_num}: {error}", code="E463"
        ) from error
    return header, rows, errors


def _all_numbers(cells: Iterator[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(map(_NUMBER.fullmatch, filled))


def _number(cell: str) -> int | float:
    if cell.lstrip("-").isdigit():
        return int(cell)
    return float(cell)


def _globals(corpus: Sequence[Stored]) -> list[str]:
    """The annotations that hold for whole recordings, in the order of their first use."""
    names: Mapping[str, None] = {
        name: None
        for stored in corpus
        for name, atoms in stored.entry.annotations.items()
        if len(atoms) and all(atom.time is None for atom in atoms)
    }
    return list(names)
