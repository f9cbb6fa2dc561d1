"""The report of a run: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from ..compiler.drawing.diagram import draw
from ..compiler.inference.summary import summarise
from ..compiler.module import GraphModule
from ..data.stores.atomic import written_whole
from ..plots.training import loss_curves, track_chart
from ..shapes import show
from ..tasks.base import Figures, Shown
from ..tasks.evaluation import of_parts
from .drawing import drawing
from .page import command_block, header, image, page, section, table
from .players import STYLE as PLAYERS
from .shown import shown, title_of
from .style import SCRIPT, STYLE

LARGE = 10_000  # a figure from here on has no decimals
MOST_CHARTED = 60  # tracks: more lines make no picture


@dataclass(frozen=True)
class Report:
    """Everything a report shows; see `write_report`."""

    title: str
    subtitle: str
    command: str
    model: GraphModule
    metrics: Sequence[Mapping[str, Any]]
    figures: Mapping[str, float]
    tracks: Mapping[str, Figures]
    headline: Sequence[str]
    pictures: Sequence[Shown]
    settings: str
    versions: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)
    hop_s: float | None = None


def write_report(report: Report, path: Path) -> None:
    """Write the report as one HTML file, whole or not at all: no network, no other file. Raises E408."""
    curves = loss_curves(report.metrics, report.headline)
    diagram = draw(report.model)

    # The result first, the settings last: most readers stop after the first page. Tables come before tall pictures.
    body = [
        header(report.title, report.subtitle),
        section("Result", _cards(report) + _facts(report.facts)),
        section("Track by track", _tracks(report) + _parts(report)),
        section(title_of(report.pictures), shown(report.pictures)),
        section("Training", image(curves, "loss and validation figures")),
        section("The graph", drawing(diagram) + _layers(report)),
        section("Settings", f"<pre>{escape(report.settings)}</pre>"),
        section("Do it again", command_block(report.command) + _facts(report.versions)),
    ]
    html = page(report.title, "".join(body), style=STYLE + PLAYERS, script=SCRIPT)
    # A report that is half written would open in a browser as if it were whole.
    with written_whole(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _cards(report: Report) -> str:
    shown = [name for name in report.headline if name in report.figures]
    if not shown:
        shown = list(report.figures)[:4]
    cards = (
        f'<div class="card"><b>{_number(report.figures[name])}</b><span>{escape(name)}</span></div>'
        for name in shown
    )
    return f'<div class="cards">{"".join(cards)}</div>'


def _facts(facts: Mapping[str, str]) -> str:
    rows = (
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
        for name, value in facts.items()
    )
    return f"<dl>{''.join(rows)}</dl>"


def _tracks(report: Report) -> str:
    """A chart, where there are few tracks, and all figures of all tracks; the heads sort."""
    # Tracks hold more than figures, such as the scores of each label; only numbers make columns.
    first = next(iter(report.tracks.values()), {})
    own = [name for name, value in first.items() if isinstance(value, int | float)]
    # Figures of parts have a table of their own, with a row for each.
    own = [name for name in own if "/" not in name]
    # The headline's figures come first, then all others.
    names = [name for name in report.headline if name in own]
    names += [name for name in own if name not in names]
    rows = [[key, *_cells(own, names)] for key, own in report.tracks.items()]
    means = ["mean", *_cells(report.figures, names)]
    listing = table(["track", *names], rows, means)
    if not names or len(report.tracks) > MOST_CHARTED:
        return listing
    # A track without one of the figures has no place on the chart; the listing has it.
    numbers = {
        key: {name: values[name] for name in names}
        for key, values in report.tracks.items()
        if all(name in values for name in names)
    }
    # Of what is only right or wrong the listing shows as much.
    if all(own[name] in (0.0, 1.0) for own in numbers.values() for name in names):
        return listing
    chart = track_chart(numbers, report.headline)
    return listing + image(chart, f"{names[0]} per track")


def _parts(report: Report) -> str:
    """A table of the parts of every track, such as its targets, and of all tracks together; "" without parts."""
    whole = of_parts(report.figures)
    if not whole:
        return ""
    names = list(dict.fromkeys(name for own in whole.values() for name in own))
    rows = []
    for key, figures in report.tracks.items():
        for part, own in of_parts(figures).items():
            rows.append([key, part, *_cells(own, names)])
    for part, own in whole.items():
        rows.append(["all tracks", part, *_cells(own, names)])
    means = ["all tracks", "mean", *_cells(report.figures, names)]
    return table(["track", "part", *names], rows, means)


def _cells(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The figures under these names; a track may lack some."""
    return [_number(figures[name]) if name in figures else "" for name in names]


def _number(value: float) -> str:
    """A figure with three decimals; none of a large one, where they would say nothing."""
    if abs(value) >= LARGE:
        return f"{value:,.0f}"
    return f"{value:.3f}"


def _layers(report: Report) -> str:
    summary = summarise(report.model, report.hop_s)
    rows = [
        [
            r.name,
            r.block,
            str(r.line),
            show(r.shape_in),
            show(r.shape_out),
            f"{r.parameters:,}",
            f"{r.macs:,}",
            _sees(r),
        ]
        for r in summary.rows
    ]
    parameters = f"{summary.parameters:,}"
    macs = f"{summary.macs:,}"
    total = ["total", "", "", "", "", parameters, macs, ""]
    shapes = ["in", "out"]
    costs = ["parameters", "MACs", "receptive field"]
    return table(["name", "block", "line", *shapes, *costs], rows, total)


def _sees(row: Any) -> str:
    if row.receptive_field_frames is None:
        return "all"
    frames = row.receptive_field_frames
    text = "1 frame" if frames == 1 else f"{frames:g} frames"
    if row.receptive_field_s is None:
        return text
    return f"{text} ({row.receptive_field_s:.2f} s)"
