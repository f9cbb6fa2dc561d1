"""The lock of a run folder: one process trains into it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError, RunError

if sys.platform != "win32":  # there, two trainings in one folder go unnoticed
    import fcntl


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, whose folder is made if it is missing.

    Raises E604 if another process or object holds it; the lock of a process that died is taken over. E408 if the file
    cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _lock(path)
        if descriptor is None:
            owner = path.read_text(encoding="utf-8").strip()
        else:
            owner = ""
    except OSError as error:
        raise unwritable(path, error) from error
    if descriptor is None:
        raise RunError(
            f"'{path.parent}' is in use by another training{f' ({owner})' if owner else ''}",
            code="E604",
            help="wait until it ends, stop it, or choose another folder",
        )
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock on `path`, or None while another process does."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if sys.platform == "win32":
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # its owner removed the file between the two calls


def unwritable(path: Path, error: OSError) -> DataError:
    """DataError E408."""
    text = f"cannot write '{path}': {error.strerror or error}"
    return DataError(
        text, code="E408", help="free some space or choose a folder that can be written"
    )
