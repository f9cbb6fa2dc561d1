"""The SVG elements that the picture of a graph is made of, and its colours."""

from __future__ import annotations

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
