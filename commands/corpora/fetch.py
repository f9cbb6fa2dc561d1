"""The command data fetch: a hosted corpus, brought here."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ...data.fetching.fetch import BASE_URL, Fetched, Watch, fetch
from ...printable import printable
from ..screen import console, progress_for


def fetch_corpus(arguments: Namespace) -> int:
    """Fetch, and print what the folder holds now."""
    folder = arguments.out or arguments.name
    with _watching(progress_for(arguments).bars) as watch:
        got = fetch(arguments.name, folder, arguments.base_url or BASE_URL, watch)
    if arguments.json:
        print(json.dumps(_as_json(got)))
        return 0
    for file, stamp in got.files.items():
        # An archive is only the wrapping of what was fetched.
        if file.endswith(".zip"):
            continue
        state = "fetched" if file in got.fresh else "unchanged"
        size = f"{stamp.n_bytes / 1e6:.1f} MB"
        path = printable(got.folder / file)
        console().print(f"{state}  {path}  {size}  sha256 {stamp.sha256[:16]}…")
    return 0


def _as_json(got: Fetched) -> dict[str, Any]:
    files = {
        file: {
            "bytes": stamp.n_bytes,
            "sha256": stamp.sha256,
            "fetched": file in got.fresh,
        }
        for file, stamp in got.files.items()
    }
    return {"name": got.name, "folder": str(got.folder), "files": files}


@contextmanager
def _watching(show: bool) -> Iterator[Watch]:
    """A bar per file on a terminal; a line per file elsewhere; nothing unless `show`."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    interactive = show and sys.stdout.isatty()
    tasks = {}
    with Progress(
        *columns, TimeRemainingColumn(), console=console(), disable=not interactive
    ) as bar:

        def watch(label: str, done: int, total: int | None, /) -> None:
            if label not in tasks:
                tasks[label] = bar.add_task(label, total=total)
                if show and not interactive:
                    print(label, flush=True)
            bar.update(tasks[label], completed=done, total=total)

        yield watch
