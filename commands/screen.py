"""What the commands that run long show on the screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from ..errors import DataError, MirbricksError
from ..tasks.base import Evaluation, Figures, OnShare


def console() -> Console:
    """Standard output; as wide as a table needs where it is no terminal."""
    return Console(
        width=None if sys.stdout.isatty() else 120, highlight=False, markup=False
    )


class OnDone(Protocol):
    """Is told the key of an item that is done, and its error if it has one."""

    def __call__(self, key: str, error: DataError | None = None, /) -> None: ...


@contextmanager
def counting(label: str, total: int, show: bool = True) -> Iterator[OnDone]:
    """A bar that counts items; a line at the end where there is no terminal."""
    interactive = show and sys.stdout.isatty()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    done = failed = 0
    with Progress(*columns, console=console(), disable=not interactive) as bar:
        task = bar.add_task(label, total=total)

        def on_done(_: str, error: DataError | None = None, /) -> None:
            nonlocal done, failed
            bar.advance(task)
            if error:
                failed += 1
                complain(error)
            else:
                done += 1

        yield on_done
    if show and not interactive:
        print(
            f"{label}: {done} done" + (f", {failed} failed" if failed else ""),
            flush=True,
        )


@contextmanager
def sharing(label: str) -> Iterator[OnShare]:
    """A bar for one long piece of work that disappears at the end; nothing where there is no terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console(), disable=not sys.stdout.isatty(), transient=True
    ) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def complain(error: MirbricksError) -> None:
    """An error that does not end the command."""
    print(error, file=sys.stderr, flush=True)


def table_of(title: str, evaluation: Evaluation, headline: Sequence[str]) -> Table:
    """A row per track and one for all; where only all tracks together have these figures, that row alone."""
    tracks = evaluation.tracks
    figures = evaluation.figures
    shown = _shown(figures, headline)
    table = Table(title=title, title_justify="left")
    table.add_column("track")
    for name in shown:
        table.add_column(name, justify="right")
    for key, values in _with_figures(tracks, shown).items():
        table.add_row(key, *(_cell(values.get(name)) for name in shown))
    table.add_section()
    table.add_row(
        _all(tracks, shown), *(_cell(figures[name]) for name in shown), style="bold"
    )
    return table


def markdown_of(evaluation: Evaluation, headline: Sequence[str]) -> str:
    """The same as a Markdown table, for documents."""
    tracks = evaluation.tracks
    figures = evaluation.figures
    shown = _shown(figures, headline)
    rows = [["track", *shown], ["---", *["---:"] * len(shown)]]
    rows += [
        [key.replace("|", r"\|"), *(_cell(values.get(name)) for name in shown)]
        for key, values in _with_figures(tracks, shown).items()
    ]
    rows.append(
        [
            f"**{_all(tracks, shown)}**",
            *(f"**{_cell(figures[name])}**" for name in shown),
        ]
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def chosen(tuned: Mapping[str, Any]) -> str:
    """The numbers that were chosen on the validation tracks, in a line; lists are for settings.json."""
    return ", ".join(
        f"{name} = {value:.3g}"
        for name, value in tuned.items()
        if isinstance(value, int | float)
    )


def _shown(figures: Mapping[str, float], headline: Sequence[str]) -> list[str]:
    return [name for name in headline if name in figures] or list(figures)[:6]


def _with_figures(
    tracks: Mapping[str, Figures], shown: Sequence[str]
) -> Mapping[str, Figures]:
    """The tracks that have some of these figures themselves."""
    return {
        key: values
        for key, values in tracks.items()
        if any(name in values for name in shown)
    }


def _all(tracks: Mapping[str, Figures], shown: Sequence[str]) -> str:
    """The name of the last row: a mean where every track has the figures itself."""
    own = all(name in values for values in tracks.values() for name in shown)
    if own:
        return "mean"
    return plural(len(tracks), "track")


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return f"{value:.3f}"
    return ""
