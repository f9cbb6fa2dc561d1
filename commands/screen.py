"""The tables of the commands."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rich.box import HEAVY_HEAD, SIMPLE_HEAD
from rich.table import Table

from ..printable import printable
from ..tasks.base import Evaluation, Figures
from ..tasks.evaluation import of_parts
from ..workflows.progress import OnDone, Progress
from ..workflows.progress import console as console
from ..workflows.progress import plural as plural

NARROW = (
    100  # characters of a line below which a table has no lines between its columns
)
WIDTH_OF_TRACK = 20  # characters that the names of tracks have at least
BESIDE_HEADING = 3  # characters of lines and spaces around a heading


def progress_for(arguments: Namespace) -> Progress:
    """Bars and lines for people: none with --quiet, and none where a machine reads standard output."""
    given = vars(arguments)
    silent = any(given.get(option) for option in ("quiet", "json", "markdown"))
    return Progress(bars=not silent)


def watched(arguments: Namespace) -> bool:
    """Whether a bar moves on a terminal; for commands that write no line about it elsewhere."""
    return sys.stdout.isatty() and progress_for(arguments).bars


def counting(
    label: str, total: int, show: bool = True
) -> AbstractContextManager[OnDone]:
    """A bar that counts items; a line at the end where nobody watches."""
    return Progress(bars=show).counting(label, total)


def table_of(title: str, evaluation: Evaluation, headline: Sequence[str]) -> Table:
    """A row per track and one for all; where only all tracks together have these figures, that row alone."""
    tracks = evaluation.tracks
    figures = evaluation.figures
    shown = _shown(figures, headline)
    narrow = console().width < NARROW
    box = SIMPLE_HEAD if narrow else HEAVY_HEAD
    # Many figures leave no room for their names on one line, whatever the terminal.
    room = console().width - WIDTH_OF_TRACK - BESIDE_HEADING * len(shown)
    break_headings = narrow or sum(map(len, shown)) > room
    table = Table(title=title, title_justify="left", box=box)
    table.add_column("track", overflow="fold")
    for name in shown:
        # A number that is cut would be another number: only the heading and the track may be broken.
        heading = name.replace("_", "_\n") if break_headings else name
        table.add_column(heading, justify="right", no_wrap=True)
    for key, values in _with_figures(tracks, shown).items():
        table.add_row(key, *(_cell(values.get(name)) for name in shown))
    table.add_section()
    table.add_row(
        _all(tracks, shown), *(_cell(figures[name]) for name in shown), style="bold"
    )
    return table


def print_tables(title: str, evaluation: Evaluation, headline: Sequence[str]) -> None:
    """The table of the tracks, and below it one of the parts, such as targets, where figures have some."""
    console().print(table_of(title, evaluation, headline))
    parts = of_parts(evaluation.figures)
    if not parts:
        return
    names = _of_each(parts)
    table = Table(title="of each part", title_justify="left", box=HEAVY_HEAD)
    table.add_column("", overflow="fold")
    for name in names:
        table.add_column(name.replace("_", "_\n"), justify="right", no_wrap=True)
    for part, values in parts.items():
        table.add_row(part, *(_cell(values.get(name)) for name in names))
    console().print(table)


def _of_each(parts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The names of the figures, in their order."""
    return list(dict.fromkeys(name for values in parts.values() for name in values))


def markdown_of(evaluation: Evaluation, headline: Sequence[str]) -> str:
    """The same as Markdown tables, for documents."""
    tables = [_markdown(_tracks_in_rows(evaluation, headline))]
    parts = of_parts(evaluation.figures)
    if parts:
        names = _of_each(parts)
        rows = [["", *names], ["---", *["---:"] * len(names)]]
        for part, values in parts.items():
            rows.append([_escaped(part), *(_cell(values.get(name)) for name in names)])
        tables.append(_markdown(rows))
    return "\n\n".join(tables)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escaped(text: str) -> str:
    return printable(text).replace("|", r"\|")


def _tracks_in_rows(evaluation: Evaluation, headline: Sequence[str]) -> list[list[str]]:
    """A row per track and one for all, below the headings."""
    tracks = evaluation.tracks
    figures = evaluation.figures
    shown = _shown(figures, headline)
    rows = [["track", *shown], ["---", *["---:"] * len(shown)]]
    rows += [
        [_escaped(key), *(_cell(values.get(name)) for name in shown)]
        for key, values in _with_figures(tracks, shown).items()
    ]
    rows.append(
        [
            f"**{_all(tracks, shown)}**",
            *(f"**{_cell(figures[name])}**" for name in shown),
        ]
    )
    return rows


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
    # Figures such as a ranking's exist over all tracks only, and are then no mean.
    own = all(name in values for values in tracks.values() for name in shown)
    if own:
        return "mean"
    return plural(len(tracks), "track")


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return f"{value:.3f}"
    return ""
