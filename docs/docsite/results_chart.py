"""The results as bars: of each task its own figure, and below it what it is held against."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

BEGIN, END = "<!-- results -->", "<!-- /results -->"
TEXT, GRAPH, FIGURE, MEAN, BEAT = 0, 1, 2, 4, 6  # the columns of the table
COLUMNS = 7
# A name and its figure: "random forest .727, human .957 (Piczak 2015)" has two.
YARDSTICK = re.compile(r"([A-Za-z0-9][^;]*?)\s(\d*\.\d+)(?=[;,\s]|$)")


PARTS = re.compile(r", (?![^()]*\))")  # a comma outside of parentheses


class Bars(NamedTuple):
    """A task and its data, its figure and how it was taken, and bars: a name, a value, the value as it is printed."""

    title: str
    text: str
    bars: list[tuple[str, float, str]]


def with_chart(page: str) -> str:
    """The page of the results with a chart before its table."""
    before, mark, after = page.partition(BEGIN)
    return f"{before}{chart(groups(page))}\n{mark}{after}"


def groups(page: str) -> Iterator[Bars]:
    """The rows of the table that have a figure of somebody else beside their own."""
    title = ""
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != COLUMNS:
            continue
        others = YARDSTICK.findall(cells[BEAT])
        mean = re.match(r"\d+\.\d+", cells[MEAN])
        if not others or not mean:
            continue
        parts = PARTS.split(cells[TEXT])
        if parts[0] == "the same":
            parts[:1] = [title]
        else:
            parts[:2] = [", ".join(parts[:2])]
            title = parts[0]
        # The first figure of a row is the one that counts.
        figure = cells[FIGURE].partition("<br>")[0]
        shown = cells[MEAN].partition("<br>")[0]
        bars = [(cells[GRAPH].strip("`"), float(mean[0]), shown)]
        bars += [
            (one.strip(" ,"), float(value), f"{float(value):g}")
            for one, value in others
        ]
        yield Bars(title, ", ".join([figure, *parts[1:]]), bars)


def chart(found: Iterator[Bars]) -> str:
    """All groups as a block of HTML."""
    lines = ["```{raw} html", '<div class="bars">']
    for group in found:
        # Shares end at 1; decibels at the greatest of the group.
        most = max(1.0, *(value for _, value, _ in group.bars))
        lines.append(f"<section><h4>{html.escape(group.title)}</h4>")
        lines.append(f"<p>{html.escape(group.text)}</p>")
        for name, value, shown in group.bars:
            width = 100.0 * value / most
            lines.append(
                f'<div><span>{html.escape(name)}</span><i style="width:{width:.1f}%">'
                f"</i><b>{html.escape(shown)}</b></div>"
            )
        lines.append("</section>")
    return "\n".join([*lines, "</div>", "```", ""])
