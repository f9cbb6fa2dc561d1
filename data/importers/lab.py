"""`.lab`: a line is `onset offset label`, as for chords and for the parts of a song."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from ..pyjama.file import Atom, Definition
from .beside import Beside, BesideOptions
from .contract import Annotations, ImportOptions, Names, importer
from .destination import Destination, Stored
from .rows import offset_of, plain, rows_of


class LabOptions(BesideOptions):
    annotations: Names = Field(
        ("chord",),
        description="the annotations, as in chord,segment: NAME.lab is the first, NAME.segment.lab is segment",
    )


@importer(
    "lab", "audio, and .lab files of `onset offset label`: chords, the parts of a song"
)
class Lab(Beside):
    """NAME.lab holds the first of `annotations`, NAME.ANNOTATION.lab any of them."""

    Options: ClassVar[type[ImportOptions]] = LabOptions
    options: LabOptions
    endings = (".lab",)

    def __init__(self, options: Any = None, with_audio: bool = True) -> None:
        super().__init__(options, with_audio)
        self.definitions = {
            name: Definition("segment", "text") for name in self.options.annotations
        }

    def part(self, stem: str) -> tuple[str, str]:
        before, dot, name = stem.rpartition(".")
        if dot and name in self.options.annotations:
            return (before, name)
        return (stem, self.options.annotations[0])

    def read(self, path: Path, name: str) -> Annotations:
        atoms = []
        for row in rows_of(path, most=2):
            if len(row.fields) < 3:
                raise row.wrong(
                    f"expected onset, offset and label, got {len(row.fields)} of them"
                )
            time, duration = row.span()
            # Cut twice only: a label may have spaces in it.
            atoms.append(Atom(row.fields[2], time, duration))
        return {name: atoms}

    def write(self, stored: Stored, to: Destination) -> None:
        names = self.options.annotations
        for name in names:
            if name not in stored.entry.annotations:
                continue
            rows = []
            for atom in stored.entry.annotations[name]:
                offset = offset_of(atom.time, atom.duration)
                rows.append(f"{plain(atom.time)}\t{offset}\t{atom.value}\n")
            # The name of the annotation is in the file's only where there are several.
            if len(names) == 1:
                file = f"{stored.stem}.lab"
            else:
                file = f"{stored.stem}.{name}.lab"
            to.path(file).write_text("".join(rows), encoding="utf-8")
