"""The trained models that can be listened to: those of the zoo, and finished runs below the folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..runs.folder import WEIGHTS
from ..zoo import CARD, PREFIX, located, names
from . import live

# The section of a packed graph: in braces, or on lines of its own.
_TASK = re.compile(r"^task:.*?\btype:\s*(\w+)", re.MULTILINE | re.DOTALL)


def listing(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Name, task and card of each."""
    found = []
    for name in names():
        folder = located(f"{PREFIX}{name}")
        card = folder / CARD
        found.append(
            {
                "name": f"{PREFIX}{name}",
                "task": _task_of(folder / "graph.yaml"),
                "card": card.read_text(encoding="utf-8") if card.is_file() else "",
            }
        )
    for row in live.rows(folders):
        if (Path(row["path"]) / WEIGHTS).is_file() and row["state"] != "unfinished":
            found.append({"name": row["path"], "task": row["task"], "card": ""})
    return found


def _task_of(file: Path) -> str:
    found = _TASK.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return found[1] if found else ""
