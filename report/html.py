"""The report of a run: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..compiler.drawing.diagram import draw
from ..compiler.inference.summary import summarise
from ..compiler.module import GraphModule
from ..data.stores.atomic import written_whole
from ..plots.style import png_bytes
from ..plots.training import loss_curves, track_chart
from ..shapes import show
from ..tasks.base import Figures, Picture
from .style import SCRIPT, STYLE

MOST_BYTES = 500_000  # of one picture: a report is sent by mail
MOST_CHARTED = 60  # tracks: more lines make no picture
# Screen pixels per inch, and how many of them a picture may have before it scrolls.
DPI = 110
PAGE = 1200


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
    pictures: Sequence[Picture]
    settings: str
    versions: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)
    hop_s: float | None = None


def write_report(report: Report, path: Path) -> None:
    """Write the report as one HTML file, whole or not at all: no network, no other file. Raises E408."""
    curves = loss_curves(report.metrics, report.headline)
    diagram = draw(report.model)

    # The result first, the settings last: most readers stop after the first page.
    body = [
        _header(report),
        _section("Result", _cards(report) + _facts(report.facts)),
        _section("What it finds", "".join(map(_picture, report.pictures))),
        _section("Track by track", _tracks(report)),
        _section("Training", _image(curves, "loss and validation figures")),
        _section("The graph", f'<div class="wide">{diagram}</div>{_layers(report)}'),
        _section("Settings", f"<pre>{escape(report.settings)}</pre>"),
        _section("Do it again", _command(report.command) + _facts(report.versions)),
    ]
    html = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main><script>{SCRIPT}</script></body></html>\n"
    )
    # A report that is half written would open in a browser as if it were whole.
    with written_whole(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _header(report: Report) -> str:
    return f"<header><h1>{escape(report.title)}</h1><p>{escape(report.subtitle)}</p></header>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _cards(report: Report) -> str:
    shown = [name for name in report.headline if name in report.figures]
    if not shown:
        shown = list(report.figures)[:4]
    cards = (
        f'<div class="card"><b>{report.figures[name]:.3f}</b><span>{escape(name)}</span></div>'
        for name in shown
    )
    return f'<div class="cards">{"".join(cards)}</div>'


def _facts(facts: Mapping[str, str]) -> str:
    rows = (
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
        for name, value in facts.items()
    )
    return f"<dl>{''.join(rows)}</dl>"


def _picture(picture: Picture) -> str:
    image = _image(picture.figure, f"{picture.title}: {picture.caption}")
    return f"<figure>{image}<figcaption><b>{escape(picture.title)}.</b> {escape(picture.caption)}</figcaption></figure>"


def _image(figure: Figure, alternative: str) -> str:
    """The figure as an embedded PNG on white, readable on dark pages too: as fine as `MOST_BYTES` allows."""
    inches = figure.get_size_inches()
    width, height = (round(float(side) * DPI) for side in inches)
    fits = width <= PAGE
    png = b""
    # As fine as the size allows: a report is sent by mail.
    for fineness in (2.0, 1.0, 0.6, 0.4) if fits else (1.0, 0.6, 0.4):
        png = png_bytes(figure, DPI * fineness)
        if len(png) <= MOST_BYTES:
            break
    data = base64.b64encode(png).decode("ascii")
    alt = escape(alternative, quote=True)
    kind = ""
    if not fits:
        kind = ' class="long"'
    image = f'<img{kind} alt="{alt}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'
    return f'<div class="wide">{image}</div>'


def _tracks(report: Report) -> str:
    """A chart, where there are few tracks, and all figures of all tracks; the heads sort."""
    # Tracks hold more than figures, such as the scores of each label; only numbers make columns.
    first = next(iter(report.tracks.values()), {})
    own = [name for name, value in first.items() if isinstance(value, int | float)]
    # The headline's figures come first, then all others.
    names = [name for name in report.headline if name in own]
    names += [name for name in own if name not in names]
    rows = [[key, *_cells(own, names)] for key, own in report.tracks.items()]
    means = ["mean", *_cells(report.figures, names)]
    table = _table(["track", *names], rows, means)
    if not names or len(report.tracks) > MOST_CHARTED:
        return table
    # A track without one of the figures has no place on the chart; the table has it.
    numbers = {
        key: {name: values[name] for name in names}
        for key, values in report.tracks.items()
        if all(name in values for name in names)
    }
    chart = track_chart(numbers, report.headline)
    return _image(chart, f"{names[0]} per track") + table


def _cells(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The figures under these names; a track may lack some."""
    return [f"{figures[name]:.3f}" if name in figures else "" for name in names]


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
    return _table(["name", "block", "line", *shapes, *costs], rows, total)


def _sees(row: Any) -> str:
    if row.receptive_field_frames is None:
        return "all"
    frames = row.receptive_field_frames
    text = "1 frame" if frames == 1 else f"{frames:g} frames"
    if row.receptive_field_s is None:
        return text
    return f"{text} ({row.receptive_field_s:.2f} s)"


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str]
) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(_row(row) for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot>{_row(foot)}</tfoot></table></div>"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = map(escape, cells)
    rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr><th scope="row">{first}</th>{rest}</tr>'


def _command(command: str) -> str:
    return f'<div class="command"><pre id="command">{escape(command)}</pre><button type="button">copy</button></div>'
