"""Files and folders that are there and cannot be read."""

from __future__ import annotations

import os
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
