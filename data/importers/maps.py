"""MAPS's own layout (Emiya et al., 2010): MAPS_MUS-PIECE_PIANO.wav, and .txt of `OnsetTime OffsetTime MidiPitch`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from ..pyjama.file import Atom, Definition
from .beside import BesideOptions
from .contract import Annotations, ImportOptions, importer
from .destination import Stored
from .notes import NOTES, Notes

_NAME = re.compile(r"MAPS_(?P<part>[A-Z]+)[-_](?P<piece>.+)_(?P<piano>[^_]+)\.\w+")


@importer(
    "maps",
    "MAPS: MAPS_MUS-PIECE_PIANO.wav with .txt of `OnsetTime OffsetTime MidiPitch`",
)
class Maps(Notes):
    """Keys are file names, in whatever folder the files lie; piece (of MAPS_MUS) and piano come from the name."""

    Options: ClassVar[type[ImportOptions]] = BesideOptions
    definitions = NOTES | {
        name: Definition("global", "text") for name in ("piece", "instrument")
    }
    columns = ("OnsetTime", "OffsetTime", "MidiPitch", "Velocity")

    def takes(self, path: Path) -> bool:
        return super().takes(path) and path.name.startswith("MAPS_")

    def key(self, relative: str) -> str:
        return relative.rpartition("/")[2]

    def held(self, stored: Stored) -> list[str]:
        # Instrument and piece are in the file's name, so they come back by themselves where they agree with it.
        said = self.about(self.key(stored.key))
        same = [
            name
            for name, atoms in said.items()
            if stored.entry.first(name) == atoms[0].value
        ]
        return [*NOTES, *same]

    def about(self, key: str) -> Annotations:
        match = _NAME.fullmatch(key if "." in key else f"{key}.wav")
        if match is None:
            return {}
        if match["part"] == "MUS":
            piece = {"piece": [Atom(match["piece"])]}
        else:
            piece = {}
        return {**piece, "instrument": [Atom(match["piano"])]}
