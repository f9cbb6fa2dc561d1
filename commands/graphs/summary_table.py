"""The table of a summary, in as many columns as there is room for: none is cut."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from textwrap import wrap

from ...compiler.inference.summary import Row, Summary
from ...printable import printable
from ...shapes import show

GAP = 2  # characters between two columns
BY_WORTH = (
    "layer",
    "out",
    "parameters",
    "block",
    "MACs",
    "sees",
    "line",
    "in",
    "a frame every",
)
NARROWEST = 12  # characters of the names of layers
ALWAYS = 3  # so many of these are shown, however narrow the screen is
TO_THE_RIGHT = {"line", "parameters", "MACs"}


@dataclass(frozen=True)
class Column:
    """A head and a cell per layer."""

    head: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        return max(map(len, (self.head, *self.cells)))


def print_summary(result: Summary) -> None:
    """Print the graph's sizes, the rows and the totals, as wide as the screen; all of it where there is no screen."""
    columns = _columns(result.rows)
    screen = _screen_width()
    shown = _fitting(columns, screen)
    print(f"{printable(result.name)}: {_shapes(result)}\n")
    for line in _lines(shown, screen):
        print(line)
    print(f"\n{_totals(result)}")
    hidden = [column.head for column in columns if column not in shown]
    if hidden:
        names = ", ".join(hidden)
        print(f"not shown at {screen} columns: {names}; --json has all")


def _screen_width() -> int | None:
    """Characters per line that the user has or asks for by COLUMNS; None where the output goes to a file or a pipe."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return get_terminal_size().columns
    return None


def _columns(rows: Sequence[Row]) -> list[Column]:
    """All columns, in the order in which they stand."""
    cells = {
        "layer": [printable(row.name) for row in rows],
        "block": [row.block for row in rows],
        "line": [str(row.line) for row in rows],
        "in": [show(row.shape_in) for row in rows],
        "out": [show(row.shape_out) for row in rows],
        "parameters": [_parameters(row) for row in rows],
        "MACs": [f"{row.macs:,}" if row.macs else "" for row in rows],
        "sees": [_sees(row) for row in rows],
        "a frame every": [_every(row) for row in rows],
    }
    return [Column(head, tuple(texts)) for head, texts in cells.items()]


def _needed(columns: Sequence[Column]) -> int:
    """The width of a table of these columns."""
    return sum(column.width + GAP for column in columns) - GAP


def _fitting(columns: Sequence[Column], width: int | None) -> list[Column]:
    """Those that fit beside one another, the most telling first; the first few in any case, on several lines."""
    if width is None:
        return list(columns)
    # Columns are chosen by worth and shown in their usual order.
    by_head = {column.head: column for column in columns}
    chosen = [by_head[head] for head in BY_WORTH[:ALWAYS]]
    for head in BY_WORTH[ALWAYS:]:
        if _needed([*chosen, by_head[head]]) <= width:
            chosen.append(by_head[head])
    return [column for column in columns if column in chosen]


def _lines(columns: Sequence[Column], screen: int | None) -> Iterator[str]:
    """The head, a rule, and a line per layer; on a very narrow screen the names of layers go on below."""
    widths = [column.width for column in columns]
    if screen:
        # The names of layers are the one column that may be broken: a broken number would be
        # another number.
        excess = max(0, _needed(columns) - screen)
        widths[0] = max(min(NARROWEST, widths[0]), widths[0] - excess)
    yield _line([column.head for column in columns], columns, widths)
    yield (" " * GAP).join("─" * width for width in widths)
    for name, *cells in zip(*(column.cells for column in columns), strict=True):
        first, *rest = wrap(name, widths[0])
        yield _line([first, *cells], columns, widths)
        yield from rest


def _line(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]
) -> str:
    placed = [
        f"{cell:>{width}}" if column.head in TO_THE_RIGHT else f"{cell:<{width}}"
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return (" " * GAP).join(placed).rstrip()


def _shapes(result: Summary) -> str:
    inputs = ", ".join(show(shape) for shape in result.input_shapes.values())
    outputs = ", ".join(show(shape) for shape in result.output_shapes.values())
    return f"{inputs} -> {outputs}"


def _totals(result: Summary) -> str:
    totals = f"{result.parameters:,} parameters, {result.macs:,} MACs"
    sizes = ", ".join(f"{name}={size}" for name, size in result.macs_at.items())
    if sizes:
        return f"{totals} at {sizes}"
    return totals


def _parameters(row: Row) -> str:
    if row.reused:
        return "reused"
    if row.parameters:
        return f"{row.parameters:,}"
    return ""


def _every(row: Row) -> str:
    """How far apart the frames of the output are, and the frame rate."""
    if row.stride_frames is None:
        return ""
    if row.frame_rate_hz is None:
        return f"{row.stride_frames:g}"
    return f"{row.stride_frames:g}, {row.frame_rate_hz:.2f} Hz"


def _sees(row: Row) -> str:
    frames = row.receptive_field_frames
    if frames is None:
        return "all"
    text = "1 frame" if frames == 1 else f"{frames:g} frames"
    if row.receptive_field_s is None:
        return text
    return f"{text}, {row.receptive_field_s:.2f} s"
