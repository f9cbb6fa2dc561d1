"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import DataError


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it to `path` at the end, or remove it if the body raises.

    A reader never sees a half file and a failed write leaves the old file as it was. The folder is made if
    it is missing. A full disk or a read-only folder raises DataError E408.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"cannot write '{path}': {error.strerror or ' '.join(str(error).split())}",
            code="E408",
            help="free some space or choose a folder that can be written; nothing was changed",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
