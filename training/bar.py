"""The bar of a training, as a terminal or a notebook shows it."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from ..plain_console import PlainConsole

BESIDE_BAR = 70  # characters of steps, loss, a validation and the time left
WIDE = 100  # characters of a line from which on the speed has room


def training_bar() -> Progress:
    """A bar whose one task has the fields `loss` and `valid`, on one line of any terminal from 80 characters on."""
    screen = PlainConsole()
    # The numbers come first: the bar has what room they leave, and a narrow terminal has no room for the speed.
    columns: list[ProgressColumn] = [
        BarColumn(bar_width=max(4, min(40, screen.width - BESIDE_BAR))),
        _text("step {task.completed}/{task.total}"),
        _text("loss {task.fields[loss]}"),
        _text("{task.fields[valid]}"),
    ]
    if screen.width >= WIDE:
        columns.append(_Speed(table_column=Column(no_wrap=True)))
    columns.append(TimeRemainingColumn(table_column=Column(no_wrap=True)))
    return Progress(*columns, console=screen, refresh_per_second=4)


def _text(form: str) -> TextColumn:
    return TextColumn(form, table_column=Column(no_wrap=True))


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.speed:
            return Text(f"{task.speed:.1f} steps/s")
        return Text("- steps/s")
