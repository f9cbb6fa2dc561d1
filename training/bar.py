"""The bar of a training, as a terminal or a notebook shows it."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def training_bar() -> Progress:
    """A bar whose one task has the fields `loss` and `valid`."""
    columns = (
        "training",
        BarColumn(),
        TextColumn("step {task.completed}/{task.total}"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("{task.fields[valid]}"),
        _Speed(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(), refresh_per_second=4)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.speed:
            return Text(f"{task.speed:.1f} steps/s")
        return Text("- steps/s")
