"""metrics.jsonl: a line per record, the only file of a run that grows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data.stores.atomic import sync_all
from .json_numbers import finite
from .lock import unwritable


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line; NaN and infinity become null. Raises DataError E408."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite(record)) + "\n")
    except OSError as error:
        raise unwritable(path, error) from error


def sync(path: Path) -> None:
    """All lines are on the disk after this. Raises DataError E408."""
    try:
        sync_all(path)
    except OSError as error:
        raise unwritable(path, error) from error


def records(text: str) -> list[dict[str, Any]]:
    """The records of the file's text. Raises ValueError for a line that is not a record with a step.

    A last line without its end was left half by a killed process, and is skipped. So is all from the first line on that
    holds a zero byte: a power cut left a hole there, after the last state that was saved.
    """
    text = text.partition("\0")[0]
    # Only the last line can be unfinished, as lines are written whole one after another; any other fault is damage.
    rows = text.splitlines(keepends=True)
    found = []
    for number, row in enumerate(rows, 1):
        try:
            record = json.loads(row)
            record["step"]
        except (ValueError, TypeError, KeyError) as error:
            if number == len(rows) and not row.endswith("\n"):
                break
            raise ValueError(f"line {number} is not a record with a step") from error
        found.append(record)
    return found


def lines(records: Iterable[Mapping[str, Any]]) -> str:
    """The text of a file with these records."""
    return "".join(json.dumps(record) + "\n" for record in records)
