"""The files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import DataError
from ..stores.audio import AUDIO_ENDINGS
from ..stores.reading import unreadable

OTHER_AUDIO = (
    ".m4a",
    ".aac",
    ".wma",
    ".aif",
    ".aiff",
    ".opus",
    ".ape",
    ".wv",
    ".au",
    ".mp4",
)


def files_below(folder: Path, errors: list[DataError]) -> Iterator[Path]:
    """Every file, sorted, but hidden ones; a folder that cannot be read is added to `errors`."""

    def on_error(error: OSError) -> None:
        errors.append(unreadable(error.filename or folder, error))

    # Sorted at every level: the same folder gives the same corpus on every file system.
    for root, folders, names in os.walk(folder, onerror=on_error):
        # os.walk goes into what is left in its list; __MACOSX is what macOS adds to archives.
        folders[:] = sorted(
            name for name in folders if not name.startswith((".", "__MACOSX"))
        )
        for name in sorted(names):
            path = Path(root, name)
            if name.startswith("."):
                continue
            if path.is_fifo() or path.is_socket():  # reading one would wait forever
                errors.append(
                    DataError(f"'{path}' is a named pipe or a socket", code="E433")
                )
                continue
            yield path


def audio_below(
    folder: Path, errors: list[DataError], also: tuple[str, ...] = ()
) -> Iterator[Path]:
    """The wav, flac, ogg and mp3 files, and those that end in one of `also`; other audio is added to `errors`."""
    for path in files_below(folder, errors):
        ending = path.suffix.lower()
        if ending in AUDIO_ENDINGS or path.name.lower().endswith(also):
            yield path
        elif ending in OTHER_AUDIO:
            errors.append(
                DataError(
                    f"'{path}' is audio of a kind that is not read",
                    code="E433",
                    help="convert it to wav, flac, ogg or mp3",
                )
            )


def below(path: Path, folder: Path) -> str:
    """The path below the folder, with '/' on every system."""
    return path.relative_to(folder).as_posix()
