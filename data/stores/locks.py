"""Lock files: one process at a time writes into a folder."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from .atomic import make_folder

if sys.platform != "win32":  # there, two processes in one folder go unnoticed
    import fcntl


_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class InUse(Exception):
    """Another process holds the lock; `str` of it is that process, where it is known."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, whose folder is made if it is missing; it is removed at the end.

    The lock of a process that died is taken over.

    Raises
    ------
    InUse
        Another process or object holds it.
    OSError
        The file cannot be written.
    """
    make_folder(path.parent)
    descriptor = _taken(path)
    if descriptor is None:
        raise InUse(path.read_text(encoding="utf-8").strip())
    try:
        # Who holds the lock, for the message to whoever is refused.
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
        yield
    finally:
        # An interrupt in between must not keep the lock for as long as this process lives.
        try:
            with contextlib.suppress(OSError):
                # Removed while it is still held, so that nobody takes it in between and loses it.
                path.unlink()
        finally:
            os.close(descriptor)


def _taken(path: Path) -> int | None:
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
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
            return descriptor  # a network folder: there, two processes go unnoticed
        with contextlib.suppress(FileNotFoundError):
            # The lock must be on the file that is there now, or the next process would lock another one.
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # its owner removed the file between the two calls
