"""What an importer finds below a source: recordings under keys of their own, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...errors import DataError
from ..importers.contract import Importer, Recording
from ..importers.guarded import unexpected
from ..stores.reading import unreadable
from .report import by_reason


@dataclass(frozen=True)
class Found:
    """What an importer found below `source`: recordings with keys of their own, and what it left out."""

    importer: Importer
    source: Path
    recordings: list[Recording]
    left_out: list[DataError]


def find_recordings(importer: Importer, source: str | Path) -> Found:
    """Run an importer; recordings whose key cannot be used or is taken are left out.

    Parameters
    ----------
    importer : Importer
        The importer of one kind, with its options.
    source : str or Path
        The folder or file that it reads.

    Returns
    -------
    Found
        The recordings, whose annotations have not been checked yet, and an error for each thing left out.

    Raises
    ------
    DataError
        E462 where there is nothing, and what the importer raises for a source that makes no sense.
    """
    source = Path(source)
    try:
        if not source.exists():
            raise DataError(
                f"there is nothing at '{source}'", code="E462", help="check the path"
            )
    except OSError as error:
        raise unreadable(source, error) from error
    recordings: list[Recording] = []
    left_out: list[DataError] = []
    seen: dict[str, Recording] = {}
    # One bad file must not cost an import of hours: errors are collected, and the rest goes on.
    for found in _all_of(importer, source):
        if isinstance(found, DataError):
            left_out.append(found)
            continue
        fault = _key_fault(found, seen)
        if fault is not None:
            left_out.append(fault)
            continue
        recordings.append(found)
        seen[found.key] = found

    # HDF5 holds either a dataset or a group under a name.
    folders = {str(parent) for key in seen for parent in PurePosixPath(key).parents}
    left_out += [_is_folder(key) for key in seen if key in folders]
    recordings = [recording for recording in recordings if recording.key not in folders]
    if not recordings:
        raise nothing_found(importer, source, left_out)
    return Found(importer, source, recordings, left_out)


def nothing_found(
    importer: Importer, source: Path, left_out: Sequence[DataError]
) -> DataError:
    """DataError E462, with the reasons why everything was left out."""
    reasons = [("left out", line) for line in by_reason(left_out)]
    return DataError(
        f"nothing in '{source}' can be imported as '{importer.kind}'",
        code="E462",
        facts=reasons,
        help=f"'{importer.kind}' reads {importer.text}",
    )


def _all_of(importer: Importer, source: Path) -> Iterator[Recording | DataError]:
    """What `recordings` yields. Where it raises after its first recording, the error is one of what is left out.

    A generator that has raised has ended, so what it would have found later is lost: the message says so.
    """
    last = ""
    try:
        every: Iterator[object] = importer.recordings(source)  # whatever it yields
        for found in every:
            if isinstance(found, Recording):
                last = found.key
                yield found
            elif isinstance(found, DataError):
                yield found
            else:
                yield DataError(
                    f"the importer '{importer.kind}' gave {type(found).__name__!r} instead of a recording",
                    code="E463",
                    help="yield Recording or DataError",
                )
    except DataError as error:
        if not last:
            raise
        yield error
        yield _ended(importer, last)
    except Exception as error:  # an importer of somebody else may raise anything
        yield unexpected(f"the importer '{importer.kind}' failed in '{source}'", error)
        if last:
            yield _ended(importer, last)


def _ended(importer: Importer, last: str) -> DataError:
    return DataError(
        f"the search of '{importer.kind}' ended after '{last}': what follows is not imported",
        code="E463",
        help="in the importer, read each file through mirbricks.data.importers.guarded",
    )


def _key_fault(recording: Recording, seen: dict[str, Recording]) -> DataError | None:
    given: object = recording.key
    if not isinstance(given, str):
        return DataError(
            f"the key of a recording is {given!r}, expected a text", code="E433"
        )
    key = given
    if key in seen:
        return _taken(recording, seen[key])
    # Keys are paths inside an HDF5 file, and in exports below a folder: none may lead out of it.
    path = PurePosixPath(key)
    is_path_below = key == path.as_posix() and not path.is_absolute()
    if key in ("", ".") or not is_path_below or ".." in path.parts or "\0" in key:
        return DataError(
            f"'{key}' cannot be the key of a recording",
            code="E433",
            help="rename the file",
        )
    try:
        key.encode()
    except UnicodeEncodeError:
        return DataError(
            f"the name {os.fsencode(key)!r} is not UTF-8",
            code="E433",
            help="rename the file",
        )
    return None


def _taken(recording: Recording, first: Recording) -> DataError:
    text = f"two recordings have the key '{recording.key}'"
    if first.audio and recording.audio:
        text += f": '{first.audio[0]}', '{recording.audio[0]}'"
    return DataError(
        text, code="E407", help="the first is in the corpus; rename the other"
    )


def _is_folder(key: str) -> DataError:
    return DataError(
        f"'{key}' is a recording and, for other recordings, a folder",
        code="E433",
        help="rename it",
    )
