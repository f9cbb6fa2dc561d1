"""The drawing of a graph on a page: the colours of its families, on light and on dark."""

from __future__ import annotations

import re

from ..compiler.drawing.svg import (
    COLOURS,
    EDGE,
    FAINT,
    FONT,
    GROUND,
    INK,
    LINE,
    PAPER,
    SKIP,
    without_night,
)

SHARE = 24  # per cent of a family's colour in the field of a block


def drawing(svg: str) -> str:
    """The drawing in a box of its own that scrolls; its colours and fonts are those of the page."""
    colours = {
        FONT: "inherit",
        INK: "var(--ink)",
        FAINT: "var(--soft)",
        LINE: "var(--soft)",
        PAPER: "var(--page)",
        GROUND: "var(--card)",
        EDGE: "var(--line)",
        SKIP: f"color-mix(in srgb, {SKIP} 60%, var(--ink))",
    }
    for pale, deep in COLOURS.values():
        colours[pale] = f"color-mix(in srgb, {deep} {SHARE}%, var(--page))"
    # Only whole values of attributes: a colour in a name of the user's stays a word.
    every = re.compile(f'"({"|".join(map(re.escape, colours))})"')
    themed = every.sub(lambda found: f'"{colours[found[1]]}"', without_night(svg))
    return f'<div class="wide drawing">{themed}</div>'
