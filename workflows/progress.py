"""What a long piece of work reports while it runs: bars, notes, what could not be used. Handed to every workflow."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Column

from ..errors import DataError, MirbricksError
from ..plain_console import PlainConsole
from ..printable import fitting_error, visible
from ..tasks.base import OnShare
from ..training.progress import is_watched

PLAIN_WIDTH = 120  # of tables that go to a file or a pipe
WIDEST_BAR = 40
BESIDE_COUNTS = 40  # characters of counts, remaining time and a short bar: a label has the rest of a line
BESIDE_BAR = 60  # characters of counts, remaining time and a label that is not long


class OnDone(Protocol):
    """Is called with the key of an item that is done, and its error if it has one."""

    def __call__(self, key: str, error: DataError | None = None, /) -> None: ...


def console() -> PlainConsole:
    """Standard output; as wide as a table needs where it is not a terminal."""
    if is_watched():
        return PlainConsole()
    return PlainConsole(width=PLAIN_WIDTH)


class Progress:
    """Bars and lines on standard output, notes and complaints on standard error.

    Parameters
    ----------
    bars : bool
        Whether bars, and the lines that stand for them where nobody watches, are shown. Notes and complaints are
        printed in any case: nothing that was passed over goes unreported.
    """

    def __init__(self, bars: bool = True) -> None:
        self.bars = bars
        # Notes of what went as expected; a command that is to be quiet leaves them out.
        self.routine_notes = bars

    @contextmanager
    def counting(self, label: str, total: int) -> Iterator[OnDone]:
        """A bar that counts items; a line at the end where nobody watches."""
        moving = self.bars and is_watched()
        # Counted by hand too: the line for a log must hold where no bar is drawn.
        done = 0
        failed = 0
        count = MofNCompleteColumn(table_column=_unbroken())
        with _bars(count, show=moving) as bar:
            task = bar.add_task(_fitting(label), total=total)

            def on_done(_: str, error: DataError | None = None, /) -> None:
                nonlocal done, failed
                bar.advance(task)
                if error is None:
                    done += 1
                else:
                    failed += 1
                    self.complain(error)

            yield on_done
        if self.bars and not moving:
            failures = f", {failed} failed" if failed else ""
            print(f"{visible(label)}: {done} done{failures}", flush=True)

    @contextmanager
    def sharing(self, label: str) -> Iterator[OnShare]:
        """A bar for one long piece of work, which disappears at the end; nothing where nobody watches."""
        moving = self.bars and is_watched()
        share = TaskProgressColumn(table_column=_unbroken())
        with _bars(share, show=moving, transient=True) as bar:
            task = bar.add_task(_fitting(label), total=1.0)
            yield lambda done: bar.update(task, completed=done)

    def line(self, text: str) -> None:
        """A line about what happens now."""
        if self.bars:
            print(visible(text), flush=True)

    def note(self, text: str) -> None:
        """Something that the user should know, and that stops nothing."""
        print(fitting_error(f"note: {visible(text)}"), file=sys.stderr, flush=True)

    def complain(self, error: MirbricksError) -> None:
        """An error that costs one item, and not the rest."""
        print(fitting_error(error), file=sys.stderr, flush=True)


class Quiet(Progress):
    """No bars and no lines; notes and complaints are Python warnings, which a notebook or a logger can catch."""

    def __init__(self) -> None:
        super().__init__(bars=False)
        self.routine_notes = True

    def note(self, text: str) -> None:
        warnings.warn(text, UserWarning, stacklevel=3)

    def complain(self, error: MirbricksError) -> None:
        warnings.warn(str(error), UserWarning, stacklevel=3)


def progress_of(show: bool) -> Progress:
    """What the functions of the package use for their parameter `progress`."""
    if show:
        return Progress()
    return Quiet()


def _bars(count: ProgressColumn, *, show: bool, transient: bool = False) -> Bars:
    screen = console()
    # The label keeps what room the counts leave: in a narrow terminal the bar shrinks first.
    columns = (
        TextColumn("{task.description}", markup=False, table_column=_unbroken()),
        BarColumn(bar_width=max(4, min(WIDEST_BAR, screen.width - BESIDE_BAR))),
        count,
        TimeRemainingColumn(table_column=_unbroken()),
    )
    return Bars(*columns, console=screen, disable=not show, transient=transient)


def _unbroken() -> Column:
    return Column(no_wrap=True)


def _fitting(label: str) -> str:
    """A label that leaves room for the bar and its counts; its end tells more: of a path the file."""
    room = max(8, console().width - BESIDE_COUNTS)
    if len(label) <= room:
        return label
    return f"…{label[1 - room :]}"


def plural(count: int, word: str) -> str:
    """The count with its word: "1 recording", "2 recordings"."""
    if count == 1:
        return f"{count} {word}"
    return f"{count} {word}s"
