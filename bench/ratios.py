"""Ratios between two things that are timed in turn: their spread, their cells in a table, and losses since the last.

A column of ratios has a header with "times faster", where more is better, or "time over", where less is. What stands
on the page is what `--check` compares with, so that a figure is written down once.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

# By how much a ratio may get worse before it is a loss.
MOST_LOSS = 0.15
FASTER = "times faster"
OVER = "time over"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# A cell that was measured; those before it say what its row is about.
MEASURED = re.compile(
    r"\**-?\d[\d.,]* ?(?:(?:s|ms|MB|%)\b.*|×(?: \([\d.]+–[\d.]+\))?\**)"
)


class Ratio(NamedTuple):
    """How long one thing takes over another: the median of pairs taken in turns, and the quartiles around it."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, above: Sequence[float], below: Sequence[float]) -> Ratio:
        """Of seconds of two things that were run in turns: those of `above` over those of `below`."""
        pairs = [one / other for one, other in zip(above, below, strict=True)]
        if len(pairs) == 1:
            return cls(pairs[0], pairs[0], pairs[0])
        low, middle, high = statistics.quantiles(pairs, n=4, method="inclusive")
        return cls(middle, low, high)

    def __str__(self) -> str:
        digits = 0
        if self.high < 100:
            digits = 1 if self.high >= 10 else 2
        words = [f"{value:.{digits}f}" for value in self]
        return f"{words[0]} × ({words[1]}–{words[2]})"


def in_turns(
    calls: Sequence[Callable[[], object]],
    n_runs: int,
    *,
    warm_up: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> list[list[float]]:
    """Seconds of each call, run after run, in turns so that all see the same machine; the first runs are not counted.

    They are seconds of the processor: what other programs do on the machine hardly changes them.
    """
    times: list[list[float]] = [[] for _ in calls]
    for run in range(warm_up + n_runs):
        for call, taken in zip(calls, times, strict=True):
            start_s = clock()
            call()
            if run >= warm_up:
                taken.append(clock() - start_s)
    return times


def in_ms(times: Sequence[float], digits: int = 2) -> str:
    """The median of some seconds in a cell, as milliseconds."""
    return f"{1e3 * statistics.median(times):.{digits}f} ms"


def in_s(times: Sequence[float], digits: int = 2) -> str:
    """The median of some seconds in a cell."""
    return f"{statistics.median(times):.{digits}f} s"


class Stored(NamedTuple):
    """A ratio as it stands in a table."""

    value: float
    more_is_better: bool

    def lost(self, now: float) -> float:
        """The share of the speed that is gone; negative where it has become faster."""
        if self.more_is_better:
            return 1.0 - now / self.value
        return 1.0 - self.value / now


def ratios_of(text: str) -> dict[str, Stored]:
    """The ratios of all Markdown tables of a text, by the words of their row and column."""
    found: dict[str, Stored] = {}
    for header, cells in _rows(text):
        # Two tables of a part may have rows of the same words.
        label = f"{header[0]} {', '.join(_label(cells))}"
        for name, cell in zip(header, cells, strict=True):
            number = NUMBER.search(cell)
            if number is None or not (FASTER in name or OVER in name):
                continue
            found[f"{label}: {name}"] = Stored(float(number[0]), FASTER in name)
    return found


def _rows(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Every row of every table, behind the header of its table."""
    header: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not header:
            header = cells
        elif set(line) - set("|-: "):
            yield header, cells


def _label(cells: Sequence[str]) -> list[str]:
    """The cells before the first one that was measured."""
    words = []
    for cell in cells:
        if MEASURED.fullmatch(cell):
            break
        words.append(cell)
    return words


def compared(stored_text: str, text: str) -> tuple[list[str], list[str]]:
    """What has become worse or was not measured, and what has become better or is new, a sentence each."""
    stored = ratios_of(stored_text)
    now = ratios_of(text)
    worse = []
    others = []
    for name, old in stored.items():
        if name not in now:
            worse.append(f"{name}: stored, but not measured this time")
            continue
        lost = old.lost(now[name].value)
        words = f"{name}: {now[name].value:g}, stored {old.value:g}"
        if lost > MOST_LOSS:
            worse.append(f"{words}, a loss of {100 * lost:.0f} %")
        elif lost < -MOST_LOSS:
            others.append(f"{words}, faster now")
    for name in now.keys() - stored.keys():
        others.append(f"{name}: not stored yet")
    return worse, sorted(others)
