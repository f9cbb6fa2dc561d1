"""Files and folders that are there and cannot be read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...errors import DataError


def unreadable(path: str | Path, error: OSError) -> DataError:
    """DataError E409: what stands in the way of reading `path`, most often its permissions."""
    if error.errno:
        reason = os.strerror(error.errno)
    else:
        reason = " ".join(str(error).split())
    return DataError(
        f"cannot read '{path}': {reason}",
        code="E409",
        help="give yourself the right to read it, and to enter the folders above it",
    )


def refuse_missing(path: str | Path, *, code: str, help: str) -> None:
    """Refuse what is not a regular file before it is opened: reading a named pipe would wait without end.

    Raises DataError with `code` and `help` for a file that is not there or that is a folder, and E409 for a pipe, a
    socket or a device, and where the folders above cannot be entered.
    """
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise DataError(f"there is no file '{path}'", code=code, help=help) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        raise DataError(f"'{path}' is a folder, expected a file", code=code, help=help)
    if not stat.S_ISREG(mode):
        kinds = {
            stat.S_IFIFO: "a named pipe",
            stat.S_IFSOCK: "a socket",
            stat.S_IFCHR: "a device",
            stat.S_IFBLK: "a device",
        }
        raise DataError(
            f"cannot read '{path}': it is {kinds.get(stat.S_IFMT(mode), 'not a file')}, expected a regular file",
            code="E409",
            help="write what comes out of it into a file first",
        )
