"""What the commands that run long show on the screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..errors import DataError, MirbricksError
from ..experiment import Progress as OnDone

SHOWN = ("Accuracy", "Precision", "Recall", "Chroma Accuracy")


def console() -> Console:
    """Standard output; as wide as a table needs where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)


@contextmanager
def counting(label: str, total: int, show: bool = True) -> Iterator[OnDone]:
    """A bar that counts items; yields the function to call with each item's key and its error or None."""
    interactive = show and sys.stdout.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not interactive) as bar:
        task = bar.add_task(label, total=total)

        def on_done(_: str, error: DataError | None) -> None:
            bar.advance(task)
            if error:
                complain(error)

        yield on_done
    if show and not interactive:
        print(f"{label}: {total} done", flush=True)


def complain(error: MirbricksError) -> None:
    """An error that does not end the command."""
    print(error, file=sys.stderr, flush=True)


def table_of(title: str, tracks: Mapping[str, Mapping[str, float]], figures: Mapping[str, float]) -> Table:
    """A row per track, and the mean."""
    shown = [name for name in SHOWN if name in figures] or list(figures)[:6]
    table = Table(title=title, title_justify="left")
    table.add_column("track")
    for name in shown:
        table.add_column(name, justify="right")
    for key, values in tracks.items():
        table.add_row(key, *(f"{values[name]:.3f}" for name in shown))
    table.add_section()
    table.add_row("mean", *(f"{figures[name]:.3f}" for name in shown), style="bold")
    return table


def markdown_of(tracks: Mapping[str, Mapping[str, float]], figures: Mapping[str, float]) -> str:
    """The same as a Markdown table, for documents."""
    shown = [name for name in SHOWN if name in figures] or list(figures)[:6]
    rows = [["track", *shown], ["---", *["---:"] * len(shown)]]
    rows += [[key, *(f"{values[name]:.3f}" for name in shown)] for key, values in tracks.items()]
    rows.append(["**mean**", *(f"**{figures[name]:.3f}**" for name in shown)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def means(tracks: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean of each figure over the tracks."""
    rows: Sequence[Mapping[str, float]] = list(tracks.values())
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}
