"""An HTML file that needs nothing but itself, and the pictures in it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from matplotlib.figure import Figure

from ..plots.svg import svg_of
from .style import STYLE

MOST_BYTES = 500_000  # of one picture: a report is sent by mail
# Screen pixels per inch, and how many of them a picture may have before it scrolls on a phone, and everywhere.
DPI = 110
BROAD = 640
LONG_WIDTH = 1600
LONG = 20  # rows of a table: what comes after it stays near


def page(title: str, body: str, *, style: str = STYLE, script: str = "") -> str:
    """A whole page; `body` is HTML, the title is text."""
    scripts = f"<script>{script}</script>" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main>{scripts}</body></html>\n"
    )


def header(title: str, subtitle: str) -> str:
    """The title of a page and the line below it."""
    return f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"


def section(title: str, content: str) -> str:
    """A part of a page; the content is HTML."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def command_block(command: str) -> str:
    """The command that makes a page again, with a button that copies it."""
    return f'<div class="command"><pre id="command">{escape(command)}</pre><button type="button">copy</button></div>'


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    foot: Sequence[str] | None = None,
) -> str:
    """A table of text whose heads sort; the first cell of a row is its name. A long one scrolls in its own box."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(_row(row) for row in rows)
    last = "" if foot is None else f"<tfoot>{_row(foot)}</tfoot>"
    kind = "wide listing" if len(rows) > LONG else "wide"
    return (
        f'<div class="{kind}"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody>{last}</table></div>"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = map(escape, cells)
    rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr><th scope="row">{first}</th>{rest}</tr>'


def image(
    figure: Figure,
    alternative: str,
    most_bytes: int = MOST_BYTES,
    finest: float = 2.0,
) -> str:
    """The figure as a part of the page, in its fonts and colours: its images as fine as `most_bytes` allows, with at
    most `finest` of their pixels per pixel of a screen.
    """
    width = round(float(figure.get_size_inches()[0]) * DPI)
    drawn = svg_of(
        figure, alternative, width=width, most_bytes=most_bytes, finest=finest
    )
    # A picture of a long recording keeps its size and scrolls; a broad one does so on a phone.
    for least, kind in ((LONG_WIDTH, "plot long"), (BROAD, "plot broad")):
        if width > least:
            drawn = drawn.replace('class="plot"', f'class="{kind}"', 1)
            break
    return f'<div class="wide">{drawn}</div>'
