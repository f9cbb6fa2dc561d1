"""The command runs: the trainings below a folder, side by side."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ...printable import printable
from ...workflows.run_list import RunRow, list_runs
from ..screen import NARROW, console

MOST_FIGURES = 2  # per row: more would push the names of the runs off the screen


def runs(arguments: Namespace) -> int:
    """Print a row for each run, the last changed first."""
    rows = list_runs(arguments.folder)
    if arguments.json:
        print(json.dumps([row.as_dict() for row in rows]))
    elif not rows:
        print(
            f"there are no runs below '{printable(arguments.folder)}': `mirbricks train ... --out RUN` makes one",
            file=sys.stderr,
        )
    else:
        print_rows(rows, Path(arguments.folder))
    return 0


def print_rows(rows: Sequence[RunRow], top: Path) -> None:
    """A table with a row for each run; their names begin below the folder `top`."""
    console().print(_table(rows, top))


def _table(rows: Sequence[RunRow], top: Path) -> Table:
    narrow = console().width < NARROW
    # In a narrow terminal every space between columns counts.
    table = Table(box=SIMPLE_HEAD, padding=(0, 0) if narrow else (0, 1))
    for name in ("run", "graph", "data"):
        table.add_column(name, overflow="fold")
    # Numbers and times that are broken would be read as others.
    for name in ("fold", "seed", "state", "figures", "when"):
        table.add_column(
            name, overflow="fold", no_wrap=name in ("fold", "seed", "when")
        )
    when = "%m-%d %H:%M" if narrow else "%Y-%m-%d %H:%M"
    most = 1 if narrow else MOST_FIGURES
    for row in rows:
        table.add_row(
            printable(_name(row.path, top)),
            printable(row.graph),
            printable(row.corpus),
            "" if row.fold is None else str(row.fold),
            "" if row.seed is None else str(row.seed),
            printable(_state(row)),
            printable(_figures(row, most)),
            row.changed.astimezone().strftime(when),
        )
    return table


def _name(path: Path, top: Path) -> str:
    """What leads to the run from the folder that was asked for; the folder itself by its own name."""
    inside = path.relative_to(top)
    return str(path) if inside == Path() else str(inside)


def _state(row: RunRow) -> str:
    if row.state == "unfinished":
        return f"step {row.step} of {row.steps}"
    return row.state


def _figures(row: RunRow, most: int) -> str:
    first = list(row.figures.items())[:most]
    return ", ".join(f"{name} {value:.3f}" for name, value in first)
