"""The SVG elements that the picture of a graph is made of, and its colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Roboto, 'DejaVu Sans', sans-serif"
INK, FAINT, LINE, SKIP, PAPER = "#1f2933", "#5b6770", "#8a949e", "#3f5f8a", "#ffffff"
COLOURS = {  # family: fill, border; tints of the Okabe-Ito palette, told apart by lightness too
    "convolution": ("#d6e7f5", "#3f7cac"),
    "compound": ("#dfdcf4", "#6257a8"),
    "normalisation": ("#fbf1cc", "#b18a1c"),
    "activation": ("#fbdfcf", "#c2622d"),
    "pooling": ("#d3efe2", "#25855f"),
    "recurrent": ("#f6dbea", "#ad4a83"),
    "attention": ("#ecd9f2", "#8a479c"),
    "linear": ("#d5f0f6", "#2b8aa3"),
    "other": ("#edeff1", "#88929b"),
}
GROUND, EDGE = "#f4f6f8", "#d5dbe1"  # of the card behind the layers of a run
BARS = ("#7a6fb8", "#3d8f7a", "#b5713c", "#4f7fb3")  # of sub-graphs
FIELD, GRID, AXES = "#fafbfc", "#e6eaee", "#aab3bb"  # of a plot
# What a colour becomes where the system is dark: fields are deep, borders and words are pale.
NIGHT = {
    INK: "#e6e8ea",
    FAINT: "#a3adb6",
    LINE: "#7d8790",
    SKIP: "#94b4de",
    PAPER: "#16191c",
    GROUND: "#1f2428",
    EDGE: "#3a4148",
    FIELD: "#1a1e21",
    GRID: "#2b3136",
    AXES: "#5b6670",
    **dict(zip(BARS, ("#a49be0", "#64c2a9", "#e09a63", "#7fb0e6"), strict=True)),
    "#d6e7f5": "#1d3448",
    "#dfdcf4": "#302c52",
    "#fbf1cc": "#41371a",
    "#fbdfcf": "#482a1a",
    "#d3efe2": "#173b2d",
    "#f6dbea": "#452338",
    "#ecd9f2": "#3b2342",
    "#d5f0f6": "#173a43",
    "#edeff1": "#2c3135",
}
CLASS = "mirbricks"
_COLOUR = re.compile(r'\b(fill|stroke)="(#[0-9a-f]{6})"')
_STYLE = re.compile(r"<style>.*?</style>\n?", re.S)


def night(elements: str, colours: Mapping[str, str] = NIGHT) -> str:
    """A style that turns the colours of these elements dark where the system is, on a screen.

    The elements keep their colours as attributes, for whoever reads no styles.
    """
    rules = [f".{CLASS}{{fill:{colours[INK]}}}"]
    for kind, colour in sorted(set(_COLOUR.findall(elements))):
        if colour in colours:
            found = f'.{CLASS} [{kind}="{colour}"]'
            rules.append(f"{found}{{{kind}:{colours[colour]}}}")
    inside = "".join(rules)
    return f"<style>@media screen and (prefers-color-scheme:dark){{{inside}}}</style>"


def without_night(svg: str) -> str:
    """A picture for a page that has colours of its own: without its style."""
    return _STYLE.sub("", svg)


def escaped(text: str) -> str:
    """Without the control characters that XML has no way to write."""
    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
    )


def number(value: float) -> str:
    """One decimal, none where it is 0."""
    return f"{value:.1f}".removesuffix(".0")


def cut(text: str, characters: int) -> str:
    """At most so many characters."""
    if len(text) <= characters:
        return text
    return text[: characters - 1] + "…"


def text(x: float, y: float, words: str, size: float, extra: str = "") -> str:
    """Words with their baseline at y; `extra` are attributes."""
    space = " " * bool(extra)
    return f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}"{space}{extra}>{escaped(words)}</text>'


def box(x: float, y: float, width: float, height: float, extra: str) -> str:
    """A rectangle with its corner at (x, y)."""
    sizes = f'width="{number(width)}" height="{number(height)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {sizes} {extra}/>'


def circle(x: float, y: float, radius: float, extra: str) -> str:
    """A circle around (x, y)."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" {extra}/>'


def head(x: float, y: float, dx: float, dy: float, colour: str) -> str:
    """An arrow head with its point at (x, y), looking along (dx, dy)."""
    back = 7.0
    side = 3.6
    one = f"{number(x - back * dx + side * dy)} {number(y - back * dy + side * dx)}"
    two = f"{number(x - back * dx - side * dy)} {number(y - back * dy - side * dx)}"
    return f'<path d="M{number(x)} {number(y)}L{one}L{two}Z" fill="{colour}"/>'
