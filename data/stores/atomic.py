"""Files and folders that appear whole or not at all, and that a power cut does not take back."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import shutil
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
_listed_parts: dict[
    Path, list[str]
] = {}  # folder -> temporary files when it was listed


def is_part_of(name: str, final: str) -> bool:
    """Whether a file or folder of this name is a temporary one, which is to become `final` beside it."""
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
        E408 if the disk is full, the folder cannot be written, or a file or folder is in the way.

    Examples
    --------
    >>> from mirbricks.data import written_whole
    >>> with written_whole("notes.txt") as temporary:
    ...     _ = temporary.write_text("one", encoding="utf-8")
    """
    path = Path(path)
    with part_of(path) as temporary, _explained(path):
        yield temporary
        # First the content, then the name: after a power cut the name must not stand for an empty file.
        put_in_place(temporary, path)


@contextlib.contextmanager
def folder_written_whole(path: str | Path) -> Iterator[Path]:
    """Write a folder so that it appears whole or not at all, as `written_whole` writes a file.

    Parameters
    ----------
    path : str or Path
        The folder; where it is there already it must be empty.

    Yields
    ------
    Path
        A new folder beside `path`, for the body to fill. It becomes `path` at the end, and is removed if the body
        raises.

    Raises
    ------
    DataError
        E408 if the disk is full, the folder cannot be written, or something is in the way.
    """
    path = Path(path)
    with part_of(path) as temporary, _explained(path):
        temporary.mkdir()
        yield temporary
        # The name of the whole is given last, when all that it stands for is on the disk.
        put_in_place(temporary, path)


@contextlib.contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """A name beside `path` for what is to become it: a file or a folder, which is removed at the end.

    The folder of both is made if it is missing. What a killed process left under such a name is removed. Raises
    DataError E408.
    """
    # Host, process and number: a later process can tell whether this one still writes.
    name = f".{path.name}.{_HOST}-{os.getpid()}-{next(_numbers)}{PART}"
    temporary = path.with_name(name)
    _open_parts.add(name)
    try:
        with _explained(path):
            make_folder(path.parent)
        _clear_abandoned(path)
        yield temporary
    finally:
        _open_parts.discard(name)
        _remove(temporary)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What the system says of a failure inside, as DataError E408."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def put_in_place(part: Path, path: Path) -> None:
    """Give a finished file or folder its name, so that a power cut leaves it whole or not at all.

    Raises OSError.
    """
    sync_all(part)
    part.replace(path)
    _sync_folder(path)


def sync_all(path: Path) -> None:
    """What lies in a file, or in a folder and those in it, is on the disk after this. Raises OSError."""
    if not path.is_dir():
        _sync_file(path)
        return
    for inner in path.iterdir():
        sync_all(inner)
    _sync_folder(path / "a name in it")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a power cut does not take back what is written in them.

    Raises OSError.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    if not missing:
        # The usual way to say that a file is in the way, or that the folder went meanwhile.
        folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        _sync_folder(one)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be removed."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> DataError:
    """DataError E408, with the step that mends it: space does not help where something else is in the way."""
    if path.is_dir():
        return in_the_way(path, path, "a folder", "rename it, or choose another place")
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            help = "choose a folder, or the name of one that is to be made"
            return in_the_way(path, folder, "a file, not a folder", help)
    return DataError(
        f"cannot write '{path}': {_reason(error)}",
        code="E408",
        help=f"free some space or choose a folder that can be written; '{path}' was not changed",
    )


def refuse_unwritable(path: Path) -> None:
    """Raise DataError E408 where a file cannot be written to `path`; asked before the work for it is done.

    Nothing is made: a command that is interrupted then leaves no empty folder.
    """
    folder = next(one for one in path.parents if one.exists() or one == one.parent)
    if not folder.is_dir():
        raise _unwritable(path, NotADirectoryError(errno.ENOTDIR, "not a folder"))
    if path.is_dir():
        raise _unwritable(path, IsADirectoryError(errno.EISDIR, "a folder"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(
            path, PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        )


def in_the_way(path: Path, there: Path, kind: str, help: str) -> DataError:
    """DataError E408 for a file that cannot be written because of what is at `there`."""
    return DataError(
        f"cannot write '{path}': '{there}' is {kind}", code="E408", help=help
    )


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
    """Remove the temporary files and folders of dead processes that were to become this one."""
    prefix = f".{path.name}."
    for name in _parts_in(path.parent):
        if not is_part_of(name, path.name):
            continue
        owner = name[len(prefix) : -len(PART)]
        if name not in _open_parts and is_abandoned(owner):
            _remove(path.with_name(name))


def _parts_in(folder: Path) -> list[str]:
    """The temporary files in a folder, now or a moment ago."""
    now = time.monotonic()
    then, took_s = _listed_at.get(folder, (-1e9, 0.0))
    # Listing a folder of a million files for every file written would cost more than the writing. The last listing
    # still has what a killed process left of the files that are written next.
    if took_s > _LISTING_SHARE * (now - then):
        return _listed_parts[folder]
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:  # a folder may be writable and not readable
        return []
    parts = [one for one in names if one.startswith(".") and one.endswith(PART)]
    _listed_parts[folder] = parts
    _listed_at[folder] = (now, time.monotonic() - now)
    return parts


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
