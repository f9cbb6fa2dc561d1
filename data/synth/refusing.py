"""What a synthetic corpus cannot be, for the functions that write one and for the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import DataError
from ..stores.reading import unreadable

LEAST_S = 1.0
MOST_S = 3600.0


def refuse_corpus(folder: Path) -> None:
    """Raise DataError E470 where a folder holds a corpus already."""
    try:
        there = sorted(path.name for path in folder.glob("*.pyjama"))
    except OSError as error:
        raise unreadable(folder, error) from error
    if there:
        message = f"there is a corpus in '{folder}' already: {there[0]}"
        raise DataError(message, code="E470", help="choose another folder")


def refuse_count(name: str, n: object) -> None:
    """Raise DataError E470 unless `n` is a whole number of at least 1; `name` is the argument's."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise DataError(
            f"{name}: expected a whole number of at least 1, got {n!r}",
            code="E470",
            help=f"write {name}=12",
        )


def refuse_seconds(seconds: Any) -> None:
    """Raise DataError E470 for clips that are shorter or longer than clips can be."""
    # True is a whole number to Python, and a mistake here; NaN lies in no range.
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and LEAST_S <= seconds <= MOST_S:
        return
    raise DataError(
        f"seconds: expected {LEAST_S:g} to {MOST_S:g}, got {seconds!r}",
        code="E470",
        help="write seconds=30.0",
    )
