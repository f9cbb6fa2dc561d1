"""Files that belong together: all of them are written, or none, and never over what is not ours."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ...errors import DataError
from .atomic import folder_written_whole, written_whole


def write_together(contents: Mapping[Path, bytes], *, replace: bool = False) -> None:
    """Write several files, all or none of them.

    Parameters
    ----------
    contents : mapping of Path to bytes
        What each file is to hold. A file that holds just that already stays as it is: the same work done twice is
        not refused.
    replace : bool
        Whether files that hold something else are replaced.

    Raises
    ------
    DataError
        E191 if a file holds something else; E408 if one cannot be written. Nothing is written then.
    """
    if not replace:
        for path, content in contents.items():
            _refuse_other(path, content)
    # All are complete on the disk before the first takes its name.
    with ExitStack() as parts:
        for path, content in contents.items():
            part = parts.enter_context(written_whole(path))
            part.write_bytes(content)


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write a new folder with these files, by their names in it; a kill leaves all of it or none.

    Raises DataError E408 where it cannot be written, or is there already with other things in it.
    """
    with folder_written_whole(folder) as part:
        for name, content in contents.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def refuse_taken(path: Path) -> None:
    """Raise DataError E191 where something is at `path`; asked before the work for it is done."""
    if path.exists() or path.is_symlink():
        raise _taken(path)


def _taken(path: Path) -> DataError:
    return DataError(
        f"'{path}' already exists",
        code="E191",
        help="choose another folder or name; --replace, or replace=True, writes over it",
    )


def _refuse_other(path: Path, content: bytes) -> None:
    """Raise DataError E191 where something is at `path` that is not this content."""
    if not path.exists() and not path.is_symlink():
        return
    # The sizes first: a large file that differs need not be read.
    if path.is_file() and path.stat().st_size == len(content):
        try:
            if path.read_bytes() == content:
                return
        except OSError:  # what cannot be read is not ours
            pass
    raise _taken(path)
