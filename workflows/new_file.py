"""Files that a command writes: whole, together where they belong together, and never over what it did not write."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ..data.stores.atomic import written_whole
from ..errors import GraphError


def refuse_existing(path: str | Path) -> None:
    """Raise E191 where something is at `path` already; asked before the work is done."""
    if Path(path).exists() or Path(path).is_symlink():
        raise GraphError(
            f"'{path}' is there already",
            code="E191",
            help="choose another name, or delete it: nothing is overwritten",
        )


def write_new(path: str, text: str) -> None:
    """Write UTF-8. Raises E191 where the file exists, E408 where it cannot be written."""
    refuse_existing(path)
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_together(contents: Mapping[Path, bytes], *, replace: bool = False) -> None:
    """Write several files, all or none of them.

    Raises E191 where one is there already, unless `replace`; E408 where one cannot be written.
    """
    if not replace:
        for path in contents:
            _refuse_users_own(path)
    # all are complete on the disk before the first takes its name
    with ExitStack() as parts:
        for path, content in contents.items():
            part = parts.enter_context(written_whole(path))
            part.write_bytes(content)


def _refuse_users_own(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise GraphError(
            f"'{path}' is there already",
            code="E191",
            help="choose another --out, or add --replace to write over it",
        )
