"""Audio files whose folders say what they are: CLASS/NAME.wav, or artist/album/NAME.mp3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ...errors import DataError
from ..pyjama.file import Atom, Definition
from .beside import without_place
from .contract import Importer, ImportOptions, Names, Recording, importer
from .destination import Destination, Stored
from .walk import audio_below, below


class FoldersOptions(ImportOptions):
    levels: Names = Field(
        ("class",),
        description="what the folders are, from the top, as in split,class; empty: nothing",
    )


@importer(
    "folders", "audio in a folder for each class, or in folders of several levels"
)
class Folders(Importer):
    """Each level of folders is a global annotation; folders below the last level are part of the key only."""

    Options: ClassVar[type[ImportOptions]] = FoldersOptions
    options: FoldersOptions

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:
        levels = self.options.levels
        errors = list[DataError]()
        values: dict[str, set[str]] = {level: set() for level in levels}
        for path in audio_below(source, errors):
            key = below(path, source)
            folders = key.split("/")[:-1]
            if len(folders) < len(levels):
                wanted = "/".join(level.upper() for level in levels)
                yield DataError(f"'{path}' does not lie in {wanted}/", code="E433")
                continue

            # Folders below the last level name nothing: they are part of the key.
            named = dict(zip(levels, folders, strict=False))
            for level, folder in named.items():
                values[level].add(folder)
            atoms = {level: [Atom(folder)] for level, folder in named.items()}
            yield Recording(key, (path,), atoms)

        # Which words a level has is known when the last file has been seen.
        self.definitions = {
            level: Definition("global", "text", "value_in_dictionary", sorted(found))
            for level, found in values.items()
        }
        yield from errors

    def export(self, corpus: Sequence[Stored], to: Destination) -> Iterator[DataError]:
        yield from without_place(corpus, "folders", lambda _: self.options.levels)
        for stored in corpus:
            try:
                to.audio(stored, _place(stored, self.options.levels))
            except DataError as error:
                yield error


def _place(stored: Stored, levels: Sequence[str]) -> str:
    """The key below its folders, which are put in front of it where it does not have them."""
    folders = []
    for level in levels:
        value = stored.entry.first(level)
        if value is None:
            raise DataError(
                f"'{stored.key}' has no annotation '{level}', which is to be its folder",
                code="E469",
            )
        if "/" in str(value):
            raise DataError(
                f"'{value}', the {level} of '{stored.key}', cannot be the name of a folder",
                code="E469",
            )
        folders.append(str(value))

    # The key of a corpus that was imported from such folders has them already.
    if stored.stem.split("/")[: len(folders)] == folders:
        return stored.stem
    return "/".join([*folders, stored.stem])
