"""The folders of a listening test: one per system, whose files have the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...data.stores.audio import AUDIO_ENDINGS
from ...data.stores.reading import unreadable
from ...errors import DataError
from ...printable import listed

REFERENCE = "reference"
LISTED = 5  # missing files that a message names
Files = Mapping[str, Path]  # by item


@dataclass(frozen=True)
class Matched:
    """The sounds of a test.

    Attributes
    ----------
    systems : mapping of str to mapping of str to Path
        The files of each system, by item.
    reference : mapping of str to Path, optional
        Those of the reference.
    items : list of str
        What every folder has, sorted.
    """

    systems: Mapping[str, Files]
    reference: Files | None
    items: list[str]


def matched(folders: Sequence[str], reference: str | None) -> Matched:
    """The files of all folders, matched by their names without the ending.

    A folder is `DIR`, and its own name is the name of the system, or `NAME=DIR`.

    Raises
    ------
    DataError
        E640 for a folder without audio, or without a file that another folder has; E641 for two systems of one name.
    """
    systems: dict[str, Files] = {}
    for word in folders:
        name, folder = _named(word)
        hidden = reference is not None and name == REFERENCE
        if name in systems or hidden:
            raise DataError(
                f"two folders are called '{name}'",
                code="E641",
                help=f"name the system: other_name={folder}",
            )
        systems[name] = _files(folder)
    of_reference = None
    everything = dict(systems)
    if reference is not None:
        of_reference = _files(Path(reference))
        everything[REFERENCE] = of_reference
    _refuse_missing(everything)
    items = sorted(next(iter(everything.values())))
    return Matched(systems, of_reference, items)


def _named(word: str) -> tuple[str, Path]:
    """The name of a system and its folder."""
    name, equals, folder = word.partition("=")
    # A folder may have an equals sign in its name.
    if equals and name and "/" not in name and not Path(word).is_dir():
        return name, Path(folder)
    # The name as it was given, also of a link; "." and ".." stand for a folder with a name of its own.
    last = Path(word).name
    if last in ("", ".."):
        last = Path(word).resolve().name
    return last, Path(word)


def _files(folder: Path) -> Files:
    """The audio files right in a folder, by their names without the ending."""
    if not folder.is_dir():
        raise DataError(
            f"there is no folder '{folder}'",
            code="E640",
            help="give a folder per system with wav, flac, ogg or mp3 files",
        )
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error
    found: dict[str, Path] = {}
    for path in paths:
        if path.suffix.lower() not in AUDIO_ENDINGS or not path.is_file():
            continue
        if path.stem in found:
            raise DataError(
                f"'{path}' and '{found[path.stem].name}' have one name",
                code="E640",
                help="leave one of them in the folder",
            )
        found[path.stem] = path
    if not found:
        raise DataError(
            f"there is no audio file in '{folder}'",
            code="E640",
            help="give a folder per system with wav, flac, ogg or mp3 files",
        )
    return found


def _refuse_missing(folders: Mapping[str, Files]) -> None:
    """Raise E640 where a folder lacks what another one has, with the names of the missing files."""
    every = sorted({item for files in folders.values() for item in files})
    facts = []
    for name, files in folders.items():
        missing = [item for item in every if item not in files]
        if missing:
            facts.append((f"'{name}'", f"has no {listed(missing, LISTED)}"))
    if facts:
        raise DataError(
            "the folders do not hold the same sounds",
            code="E640",
            facts=facts,
            help="add the missing files, or take them out of the other folders",
        )
