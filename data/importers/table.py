"""A table (CSV, or with tabs or semicolons): a row for each recording, a column for each thing known about it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pydantic import Field

from ...errors import DataError, did_you_mean
from ...printable import listed
from ..pyjama.file import Atom
from ..stores.cells import guarded_cell
from .beside import without_place
from .contract import Importer, ImportOptions, Names, Recording, importer
from .destination import Destination, Stored
from .table_columns import (
    Column,
    Together,
    all_numbers,
    binary_columns,
    numbered_columns,
)
from .table_reading import TableText, read_table
from .walk import audio_below, below

PATH_NAMES = (
    "path",
    "filepath",
    "file",
    "filename",
    "file_name",
    "audio",
    "mp3_path",
    "audio_path",
)


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
    binary: str = Field(
        "tags",
        description="what 3 or more columns of 0 and 1 become; empty: each stays a number (default: tags)",
    )
    group: str = Field(
        "",
        description="the column of what a split must not tear apart; becomes `piece`",
    )
    fold: str = Field("", description="the column of the fold; becomes `fold`")
    split: str = Field(
        "", description="the column that says train, valid or test; becomes `split`"
    )
    pitch: str = Field(
        "",
        description="the column of the MIDI number of a recording of one note; becomes `pitchmidi`",
    )
    columns: Names = Field((), description="the other columns to take (default: all)")
    root: str = Field(
        "",
        description="the folder that the paths start from (default: that of the table)",
    )


@importer(
    "csv", "a table with a row for each recording: its path, and its labels in columns"
)
class Table(Importer):
    """Every column becomes a global annotation of its name: numbers where all cells are numbers, else text.

    Several tags of a recording stand in one cell, with `separator` between them (`tags=COLUMN`); in further cells of
    the last column, if it is called TAGS or the like, as in MTG-Jamendo's tables; in columns called tag1, tag2; or in
    columns of 0 and 1, one for each tag, as in MagnaTagATune's, which become `tags`.
    """

    Options: ClassVar[type[ImportOptions]] = TableOptions
    options: TableOptions

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        table = read_table(source, self.options.tags)
        path, roles = self._roles(table.header, source)
        columns = self._columns(path, roles, table, source)
        self.definitions = {one.name: one.definition(table.rows) for one in columns}
        # What the columns mean is known before the first row becomes a recording.
        root = Path(self.options.root) if self.options.root else source.parent
        # Rows that do not fit are reported with their line, and cost themselves only.
        errors = table.errors
        lines: dict[str, int] = {}
        for line, cells in table.rows:
            key = _key(cells[path][0])
            fault = _fault(source, line, key, root, lines)
            if fault is not None:
                errors.append(fault)
                continue
            lines[key] = line
            found = {one.name: one.atoms(cells) for one in columns}
            atoms = {name: its for name, its in found.items() if its is not None}
            audio = (root / key,) if self.with_audio else ()
            yield Recording(key, audio, atoms, self._notes(columns), (source,))

        # Audio that no row speaks of is named, as audio without an annotation is everywhere.
        if self.with_audio:
            for sound in list(audio_below(root, errors)):
                if below(sound, root) not in lines:
                    text = f"'{sound}' has no annotation: no row of the table"
                    errors.append(DataError(text, code="E465"))
        yield from errors

    def _roles(self, header: Sequence[str], source: Path) -> tuple[str, dict[str, str]]:
        """The column of the path, and those with a meaning: column -> annotation. Raises DataError E464."""
        options = self.options
        # Reversed, so that of two columns that differ in case the first one is kept.
        known = {name.lower(): name for name in reversed(header)}
        names = [known[name] for name in PATH_NAMES if name in known]
        path = options.path or next(iter(names), "")
        if not path:
            raise DataError(
                f"no column of '{source}' is called path",
                code="E464",
                help=f"--set path=COLUMN says which it is: {', '.join(header)}",
            )
        roles = {
            options.group: "piece",
            options.fold: "fold",
            options.split: "split",
            options.pitch: "pitchmidi",
        }

        # An option that is not given is "", which is not a column.
        roles.pop("", None)
        for column in (path, *options.tags, *roles, *options.columns):
            if column not in header:
                near = did_you_mean(column, header)
                raise DataError(
                    f"'{source}' has no column '{column}'",
                    code="E464",
                    help=near or f"its columns: {', '.join(header)}",
                )
        return path, roles

    def _columns(
        self, path: str, roles: Mapping[str, str], table: TableText, source: Path
    ) -> list[Column | Together]:
        """What becomes of the columns. Raises DataError E464 where two would have one name."""
        options = self.options
        wanted = options.columns or [name for name in table.header if name != path]
        single = list(dict.fromkeys((*wanted, *options.tags, *roles)))
        several = {*options.tags, *table.several}

        # Columns that say one thing together come in as one annotation.
        free = [name for name in single if name not in {*several, *roles}]
        together: list[Together] = []
        if options.binary:
            binary = binary_columns(free, table.rows)
            together += [Together(options.binary, binary, True)] if binary else []
        for name, own in numbered_columns(free).items():
            together.append(Together(name, own, False))
        taken = {column for one in together for column in one.columns}

        # Of the others, each is an annotation of its own.
        columns: list[Column | Together] = []
        for name in single:
            if name in taken:
                continue
            cells = (cell for _, row in table.rows for cell in row[name])
            columns.append(
                Column(
                    roles.get(name, name),
                    name,
                    is_numeric=name not in several and all_numbers(cells),
                    is_split=roles.get(name) == "split",
                    separator=options.separator if name in several else "",
                )
            )
        columns += together
        self._refuse_twice([one.name for one in columns], table.header, source)
        return columns

    def _refuse_twice(
        self, names: Sequence[str], header: Sequence[str], source: Path
    ) -> None:
        for name in names:
            if names.count(name) > 1 or name == "filepath":
                raise DataError(
                    f"two columns of '{source}' would be '{name}'",
                    code="E464",
                    help=f"choose other columns with --set columns=...: {', '.join(header)}",
                )

    def _notes(self, columns: Sequence[Column | Together]) -> tuple[str, ...]:
        """What a user should know: columns that have become one annotation."""
        notes = []
        for one in columns:
            if isinstance(one, Together):
                kind = "of 0 and 1 " if one.is_binary else ""
                first = listed(one.columns, 3, quote="")
                notes.append(
                    f"{len(one.columns)} columns {kind}({first}) are the annotation '{one.name}'"
                )
        return tuple(notes)

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
            for name in names:
                atoms = stored.entry.annotations.get(name, ())
                row.append(_cell(atoms, self.options.separator))
            rows.append(row)
        with to.path("meta.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            # A cell that begins with = or @ would be run as a formula by a spreadsheet.
            for cells in [["path", *names], *rows]:
                writer.writerow([guarded_cell(cell) for cell in cells])


def _key(cell: str) -> str:
    """The path of a row as a key: with '/' on every system."""
    if not cell:
        return ""
    return PurePosixPath(cell.replace("\\", "/")).as_posix()


def _fault(
    source: Path, line: int, key: str, root: Path, lines: Mapping[str, int]
) -> DataError | None:
    """Why a row cannot be a recording."""
    place = f"'{source}', line {line}"
    if key in ("", ".") or key.startswith("/") or ".." in PurePosixPath(key).parts:
        text = f"{place}: '{key}' is not a path below '{root}'"
        return DataError(text, code="E433")
    if key in lines:
        return DataError(
            f"{place}: '{key}' has a row already, in line {lines[key]}",
            code="E407",
            help="one row per recording: several labels go into one cell, with | between them (--set tags=COLUMN)",
        )
    return None


def _cell(atoms: Sequence[Atom], separator: str) -> str:
    return separator.join(str(atom.value) for atom in atoms)


def _globals(corpus: Sequence[Stored]) -> list[str]:
    """The annotations that hold for whole recordings, in the order of their first use."""
    names: Mapping[str, None] = {
        name: None
        for stored in corpus
        for name, atoms in stored.entry.annotations.items()
        if len(atoms) and all(atom.time is None for atom in atoms)
    }
    return list(names)
