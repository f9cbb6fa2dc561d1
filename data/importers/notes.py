"""Notes as text: a line is `onset offset midi [velocity]`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from ..pyjama.file import Atom, Definition
from .beside import Beside, BesideOptions
from .contract import Annotations, ImportOptions, importer
from .destination import Destination, Stored
from .rows import Row, offset_of, plain, rows_of

NOTES = {
    "pitchmidi": Definition("segment", "numeric"),
    "velocity": Definition("segment", "numeric"),
}
HIGHEST = 127


class NotesOptions(BesideOptions):
    ending: str = Field(
        ".tsv", description="the ending of the files, such as .tsv, .txt or .csv"
    )


@importer("notes", "audio, and text files of `onset offset midi [velocity]`")
class Notes(Beside):
    """The notes become `pitchmidi`; where every line has a velocity, `velocity` has the same times."""

    Options: ClassVar[type[ImportOptions]] = NotesOptions
    definitions = NOTES
    columns = ("onset", "offset", "midi", "velocity")

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        self.endings = (getattr(self.options, "ending", ".txt").lower(),)

    def read(self, path: Path, name: str) -> Annotations:  # noqa: ARG002
        return notes_of(rows_of(path, header=True))

    def write(self, stored: Stored, to: Destination) -> None:
        notes = stored.entry.annotations.get("pitchmidi", ())
        velocities = stored.entry.annotations.get("velocity", ())
        loud = len(velocities) == len(notes) > 0
        lines = ["\t".join(self.columns if loud else self.columns[:3])]
        for index, note in enumerate(notes):
            words = [
                plain(note.time),
                offset_of(note.time, note.duration),
                plain(note.value),
            ]
            lines.append(
                "\t".join([*words, plain(velocities[index].value)] if loud else words)
            )
        to.path(f"{stored.stem}{self.endings[0]}").write_text(
            "\n".join([*lines, ""]), encoding="utf-8"
        )


def notes_of(rows: Iterable[Row]) -> Annotations:
    """`pitchmidi`, and `velocity` where every row has one. Raises DataError E463."""
    notes = []
    velocities = []
    for row in rows:
        if not 3 <= len(row.fields) <= 4:
            raise row.wrong(
                f"expected onset, offset, midi and perhaps velocity, got {len(row.fields)} fields"
            )
        time, duration = row.span()
        notes.append(Atom(midi_number(row, 2), time, duration))
        if len(row.fields) == 4:
            velocities.append(Atom(row.number_of(3), time, duration))
    if velocities and len(velocities) != len(notes):
        raise row.wrong(
            "some lines have a velocity and some have none",
            help="give every line one, or none",
        )
    if velocities:
        return {"pitchmidi": notes, "velocity": velocities}
    return {"pitchmidi": notes}


def midi_number(row: Row, field: int) -> int | float:
    value = row.number_of(field)
    if not 0 <= value <= HIGHEST:
        message = f"{row.fields[field]} is no MIDI number, which are 0 to {HIGHEST}"
        raise row.wrong(message, field, "write pitches as MIDI numbers, 69 for 440 Hz")
    return value
