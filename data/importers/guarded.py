"""The guard around what reads one file: an exception costs that file, never the import."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ...errors import DataError, MirbricksError
from ..stores.reading import unreadable

T = TypeVar("T")


def guarded(
    source: str | Path, read: Callable[[], Iterable[T]]
) -> Iterator[T | DataError]:
    """Yield what `read()` gives; an exception becomes an error that names the file.

    An importer wraps the reading of each recording in it, so that a damaged file costs one recording.

    Parameters
    ----------
    source : str or Path
        The file that is read; messages name it.
    read : callable
        Called without arguments; returns or yields recordings and errors.

    Yields
    ------
    Recording or DataError
        What `read` gave, then, where it raised, a DataError: its own, E409 for a file that cannot be opened,
        E463 for any other exception.

    Examples
    --------
    >>> from mirbricks.data.importers import guarded
    >>> [error.code for error in guarded("a.txt", lambda: [float("text")])]
    ['E463']
    """
    try:
        yield from read()
    except DataError as error:
        yield error
    except OSError as error:
        yield unreadable(error.filename or source, error)
    except Exception as error:  # whatever a parser meets in a damaged file
        yield unexpected(f"cannot read '{source}'", error)


def unexpected(message: str, error: Exception) -> DataError:
    """DataError E463 for an exception that nobody foresaw: what it says, and where it was raised."""
    if isinstance(error, MirbricksError):
        return DataError(f"{message}: {error.message}", code="E463")
    # The last frame, in which the exception was raised, is the parser's own line.
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
        facts = [("raised in", place)]
    else:
        facts = []
    return DataError(f"{message}: {reason_of(error)}", code="E463", facts=facts)


def reason_of(error: BaseException) -> str:
    """An exception in one line; its type where it says nothing else."""
    text = " ".join(str(error).split())
    if not text:
        return type(error).__name__
    if isinstance(error, (ValueError, EOFError)):
        return text
    return f"{type(error).__name__}: {text}"
