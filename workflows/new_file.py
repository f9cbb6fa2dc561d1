"""A text file that a command writes: whole, and never over another."""

from __future__ import annotations

from pathlib import Path

from ..data.stores.atomic import written_whole
from ..errors import GraphError


def refuse_existing(path: str | Path) -> None:
    """Raise E191 where something is at `path` already; asked before the work is done."""
    if Path(path).exists() or Path(path).is_symlink():
        raise GraphError(
            f"'{path}' already exists",
            code="E191",
            help="choose another name, or delete it: nothing is overwritten",
        )


def write_new(path: str, text: str) -> None:
    """Write UTF-8. Raises E191 where the file exists, E408 where it cannot be written."""
    refuse_existing(path)
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")
