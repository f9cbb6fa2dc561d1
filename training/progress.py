"""How far a training is: a bar on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING

# rich is imported where something is shown: `mirbricks check` reads a training's settings and shows no bar.
if TYPE_CHECKING:
    from rich.progress import Progress


def is_watched() -> bool:
    """Whether somebody sees a bar move: a terminal, or a notebook with the package ipywidgets."""
    from rich.console import Console

    if Console().is_jupyter:
        # Without them rich shows a warning in the place of each bar.
        return find_spec("ipywidgets") is not None
    return sys.stdout.isatty()


class TrainingProgress:
    """Shows step, loss, the last validation, steps per second and the time left; silent where `show` is false.

    with TrainingProgress(total=1000, done=0, show=True) as progress:
        progress.advance(step, loss)
    """

    def __init__(self, total: int, done: int, show: bool) -> None:
        self._total = total
        self._first = done
        self._valid = ""
        self._tracks = 0
        self._lines = show and not is_watched()
        self._begin_s = time.monotonic()
        self._bar: Progress | None = None
        if show and not self._lines:
            from .bar import training_bar

            self._bar = training_bar()
            self._task = self._bar.add_task(
                "", total=total, completed=done, loss="-", valid=""
            )

    def __enter__(self) -> TrainingProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def validating(self, _: str) -> None:
        """Another track of the validation is done."""
        self._tracks += 1
        if self._bar:
            self._bar.update(
                self._task, valid=f"validating: {self._tracks} done", refresh=True
            )

    def validated(self, figure: str, value: float) -> None:
        """Show `figure` from now on."""
        self._valid = f"valid {figure} {value:.4f}"
        self._tracks = 0
        if self._bar:
            self._bar.update(self._task, valid=self._valid)

    def advance(self, step: int, loss: float) -> None:
        """`step` steps are done; the last one had this loss."""
        if self._bar:
            self._bar.update(self._task, completed=step, loss=f"{loss:.4f}")
            return
        # A log gets ten lines, however long the training is.
        tenth = step * 10 // self._total
        before = (step - 1) * 10 // self._total
        if self._lines and (step == self._total or tenth > before):
            self._print(step, loss)

    def _print(self, step: int, loss: float) -> None:
        # Only steps of this process count: a resumed training has not done the earlier ones in this time.
        speed = (step - self._first) / max(time.monotonic() - self._begin_s, 1e-9)
        minutes, seconds = divmod(round((self._total - step) / speed), 60)
        words = [
            f"step {step}/{self._total}",
            f"loss {loss:.4f}",
            self._valid,
            f"{speed:.1f} steps/s",
        ]
        print(
            "  ".join([*filter(None, words), f"{minutes}:{seconds:02} left"]),
            flush=True,
        )
