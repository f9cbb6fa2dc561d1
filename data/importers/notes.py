"""Notes as text: a line is `onset offset midi [velocity]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from .beside import Beside, BesideOptions, stem_of
from .contract import Annotations, ImportOptions, Recording, importer
from .destination import Destination, Stored
from .pitch import HIGHEST, midi_of
from .rows import Row, is_number, offset_of, plain, rows_of
from .walk import audio_below, files_below

NOTES = {
    "pitchmidi": Definition("segment", "numeric"),
    "velocity": Definition("segment", "numeric"),
}
_HZ = re.compile(r"\bhz\b|_hz\b|freq|\bf0\b", re.IGNORECASE)


# Whose files are read: those of the first ending that stands beside a recording.
ENDINGS = (".tsv", ".txt", ".csv")


class NotesOptions(BesideOptions):
    ending: str = Field(
        "",
        description="the ending of the files (default: .tsv, .txt or .csv, the first that is there beside a recording)",
    )
    unit: Literal["", "midi", "hz"] = Field(
        "",
        description="the unit of the pitches: midi or hz (default: hz where the first line says so, else midi)",
    )


@importer("notes", "audio, and text files of `onset offset midi [velocity]`")
class Notes(Beside):
    """The notes become `pitchmidi`; where every line has a velocity, `velocity` has the same times.

    A first line of words is not a note. Where it names Hz or a frequency, the pitches are in Hz.
    """

    Options: ClassVar[type[ImportOptions]] = NotesOptions
    definitions = NOTES
    columns = ("onset", "offset", "midi", "velocity")

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        ending = getattr(self.options, "ending", ".txt").lower()
        self.endings = (ending,) if ending else ENDINGS
        self.unit = getattr(self.options, "unit", "")
        self.is_midi = self.unit == "midi"

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        # A folder may also hold other tables, which belong to no recording.
        if len(self.endings) > 1 and self.with_audio:
            self.endings = self._beside(source)
        yield from super().recordings(source)

    def _beside(self, source: Path) -> tuple[str, ...]:
        """The first ending with a file of a recording's name; all of them where there is none."""
        folder = Path(getattr(self.options, "audio", "") or source)
        sounds = {stem_of(path, folder) for path in audio_below(folder, [])}
        found = {
            path.suffix.lower()
            for path in files_below(source, [])
            if stem_of(path, source) in sounds
        }
        first = [ending for ending in self.endings if ending in found][:1]
        return tuple(first) or self.endings

    def read(self, path: Path, name: str) -> Annotations:  # noqa: ARG002
        rows = list(rows_of(path))
        header = ""
        if rows and not is_number(rows[0].fields[0]):
            header = rows.pop(0).text
        says_hz = bool(_HZ.search(header))
        return notes_of(rows, in_hz=self.unit == "hz" or (says_hz and not self.is_midi))

    def write(self, stored: Stored, to: Destination) -> None:
        if "pitchmidi" not in stored.entry.annotations:
            return
        notes = stored.entry.annotations["pitchmidi"]
        velocities = stored.entry.annotations.get("velocity", ())
        has_velocity = len(velocities) == len(notes) > 0
        rows = [list(self.columns)]
        for index, note in enumerate(notes):
            offset = offset_of(note.time, note.duration)
            row = [plain(note.time), offset, plain(note.value)]
            if has_velocity:
                row.append(plain(velocities[index].value))
            rows.append(row)
        n_columns = len(rows[-1]) if has_velocity else 3
        lines = ["\t".join(row[:n_columns]) + "\n" for row in rows]
        path = to.path(f"{stored.stem}{self.endings[0]}")
        path.write_text("".join(lines), encoding="utf-8")


def notes_of(rows: Iterable[Row], in_hz: bool = False) -> Annotations:
    """`pitchmidi`, and `velocity` where every row has one. Raises DataError E463."""
    notes = []
    velocities = []
    for row in rows:
        if not 3 <= len(row.fields) <= 4:
            raise row.wrong(
                f"expected onset, offset, midi and perhaps velocity, got {len(row.fields)} fields"
            )
        time, duration = row.span()
        pitch = _of_hz(row, 2) if in_hz else midi_number(row, 2)
        notes.append(Atom(pitch, time, duration))
        if len(row.fields) == 4:
            velocities.append(Atom(row.number_of(3), time, duration))

    # Velocities are an annotation of their own, which needs one per note.
    if velocities and len(velocities) != len(notes):
        raise row.wrong(
            "some lines have a velocity and some have none",
            help="give every line one, or none",
        )
    if velocities:
        return {"pitchmidi": notes, "velocity": velocities}
    return {"pitchmidi": notes}


def midi_number(row: Row, field: int) -> int | float:
    """The field of a row as a MIDI number. Raises DataError E463."""
    value = row.number_of(field)
    if not 0 <= value <= HIGHEST:
        message = f"{row.fields[field]} is not a MIDI number, which are 0 to {HIGHEST}"
        help = "write pitches as MIDI numbers, 69 for 440 Hz; --set unit=hz reads Hz"
        raise row.wrong(message, field, help)
    return value


def _of_hz(row: Row, field: int) -> float:
    value = row.number_of(field)
    if not 0 <= midi_of(value) <= HIGHEST or value <= 0:
        raise row.wrong(f"{row.fields[field]} Hz is not a pitch", field)
    return midi_of(value)
