"""The lock of a run folder: one process trains into it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..data.stores.locks import InUse, lock
from ..errors import DataError, RunError


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, whose folder is made if it is missing.

    Raises E604 if another process or object holds it; the lock of a process that died is taken over. E408 if the file
    cannot be written.
    """
    # Only the entering may fail with E604 or E408; an error of the training itself passes as it is.
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock(path))
        except InUse as error:
            owner = f" ({error})" if str(error) else ""
            raise RunError(
                f"'{path.parent}' is in use by another training{owner}",
                code="E604",
                help="wait until it ends, stop it, or choose another folder",
            ) from error
        except OSError as error:
            raise unwritable(path, error) from error
        yield


def unwritable(path: Path, error: OSError) -> DataError:
    """DataError E408."""
    text = f"cannot write '{path}': {error.strerror or error}"
    return DataError(
        text, code="E408", help="free some space or choose a folder that can be written"
    )
