"""Runs as they grow: the lines that come to their metrics.jsonl, as Server-Sent Events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..runs.folder import METRICS
from ..workflows.compare_runs import compare
from ..workflows.run_list import list_runs, row_of

LOOK_S = 0.5
MOST_LINES = 5_000  # of a run at once: the page draws no more


def rows(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The runs below the folders, the last changed first."""
    found = {}
    for folder in folders:
        for row in list_runs(folder):
            found[str(row.path)] = row.as_dict()
    return sorted(found.values(), key=lambda row: row["changed"], reverse=True)


def curves(path: Path) -> list[dict[str, Any]]:
    """The numbers of each line of metrics.jsonl, by name."""
    tail = Tail(path / METRICS)
    return tail.new()


class Tail:
    """The lines that come to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0

    def new(self) -> list[dict[str, Any]]:
        """The numbers of the lines that are whole and have not been read; from the start where the file was cut."""
        try:
            size = self.path.stat().st_size
            if size < self.read:
                self.read = 0
            with self.path.open("rb") as file:
                file.seek(self.read)
                raw = file.read()
        except OSError:
            return []
        whole = raw[: raw.rfind(b"\n") + 1]
        self.read += len(whole)
        found = []
        for line in whole.splitlines()[-MOST_LINES:]:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, Mapping):
                found.append(_flat(record))
        return found


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            numbers |= _flat(value, f"{before}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[f"{before}{name}"] = float(value)
    return numbers


async def events(paths: Sequence[Path]) -> AsyncIterator[str]:
    """An event for each run that has grown, until the page goes away."""
    tails = {path: Tail(path / METRICS) for path in paths}
    for tail in tails.values():
        # What is there already came with the first answer.
        tail.new()
    states: dict[Path, Any] = {}
    yield "retry: 2000\n\n"
    while True:
        for path, tail in tails.items():
            lines = tail.new()
            state = (
                row_of(path).as_dict() if lines or path not in states else states[path]
            )
            if lines or states.get(path) != state:
                states[path] = state
                data = json.dumps({"path": str(path), "lines": lines, "row": state})
                yield f"event: run\ndata: {data}\n\n"
        await asyncio.sleep(LOOK_S)
        yield ": still here\n\n"


def compared(paths: Sequence[Path]) -> dict[str, Any]:
    """Two to five runs: figures, settings that differ, and the tracks that all of them judged."""
    found = compare(paths)
    figures = found.in_rows()
    tracks = {}
    for name in figures:
        shared = found.shared_tracks(name) if all(found.tracks) else {}
        if shared:
            tracks[name] = shared
    return {
        "names": list(found.names),
        "about": [dict(one) for one in found.about],
        "figures": figures,
        "settings": {path: list(values) for path, values in found.settings.items()},
        "tracks": tracks,
    }
