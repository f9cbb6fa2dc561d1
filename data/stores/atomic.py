"""Files that appear whole or not at all, and that a power cut does not take back."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import DataError

PART = ".part"
# Several machines may write into one folder of a network, where a process number alone says nothing.
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_LISTING_SHARE = (
    0.05  # of the time, at most, for listing a folder: it may hold 100,000 files
)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM)

_numbers = itertools.count()
_open_parts: set[str] = set()  # names, which are unique in this process
_listed_at: dict[Path, tuple[float, float]] = {}  # folder -> when, and how long it took


def is_part_of(name: str, final: str) -> bool:
    """Whether a file of this name is a temporary one, which is to become the file `final` beside it."""
    return name.startswith(f".{final}.") and name.endswith(PART)


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Write a file so that it appears whole or not at all.

    A reader never sees a half file, and a write that fails leaves the old file as it was. What was written is on the
    disk (fsync) before it takes the place of the old file. The folder is made if it is missing. What a killed process
    left of an earlier try at the same file is removed.

    Parameters
    ----------
    path : str or Path
        The file to write.

    Yields
    ------
    Path
        A temporary path beside `path`, for the body to write. It becomes `path` at the end, and is removed if the
        body raises.

    Raises
    ------
    DataError
        E408 if the disk is full, or the folder cannot be written.

    Examples
    --------
    >>> from mirbricks.data import written_whole
    >>> with written_whole("notes.txt") as temporary:
    ...     _ = temporary.write_text("one", encoding="utf-8")
    """
    path = Path(path)
    # Host, process and number: a later process can tell whether this one still writes.
    name = f".{path.name}.{_HOST}-{os.getpid()}-{next(_numbers)}{PART}"
    temporary = path.with_name(name)
    _open_parts.add(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(path)
        yield temporary
        # First the content, then the name: after a power cut the name must not stand for an empty file.
        _sync_file(temporary)
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"cannot write '{path}': {_reason(error)}",
            code="E408",
            help=f"free some space or choose a folder that can be written; '{path}' was not changed",
        ) from error
    finally:
        _open_parts.discard(name)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(path)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    """Make the new name last. Network and Windows folders that cannot be synced are left as they are."""
    if os.name == "nt":
        return
    try:
        # On POSIX a name lies in the folder, which has to be synced on its own.
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in _NO_SYNC:
            return
        raise DataError(
            f"'{path}' was written, but may be lost in a power cut: {_reason(error)}",
            code="E408",
            help="look after the disk, then run the command again",
        ) from error


def _clear_abandoned(path: Path) -> None:
    """Remove the temporary files of dead processes that were to become this file."""
    now = time.monotonic()
    then, took_s = _listed_at.get(path.parent, (-1e9, 0.0))
    # Listing a folder of a million files for every file written would cost more than the writing.
    if took_s > _LISTING_SHARE * (now - then):
        return
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries]
    except OSError:  # a folder may be writable and not readable
        return
    prefix = f".{path.name}."
    for name in names:
        if not is_part_of(name, path.name):
            continue
        owner = name[len(prefix) : -len(PART)]
        if name not in _open_parts and is_abandoned(owner):
            with contextlib.suppress(OSError):
                path.with_name(name).unlink()
    _listed_at[path.parent] = (now, time.monotonic() - now)


def is_abandoned(owner: str) -> bool:
    """Whether HOST-PID-NUMBER of a temporary file, or PID of one by an older version, is of a dead process here."""
    host, _, process = owner.rpartition("-")[0].rpartition("-")
    if not host and owner.isdecimal():
        return not _is_alive(int(owner))
    if host != _HOST or not process.isdecimal():
        return False
    # This process knows which files it has open: another one of its number is of an earlier process.
    return int(process) == os.getpid() or not _is_alive(int(process))


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 is not a question but Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _reason(error: OSError) -> str:
    return error.strerror or " ".join(str(error).split())
