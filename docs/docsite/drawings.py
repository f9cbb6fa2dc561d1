"""Small drawings as SVG: curves over an axis, and a grid of strengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from mirbricks.compiler.drawing.svg import CLASS, INK, night

WIDTH = 420
HEIGHT = 190
EDGE = 26
COLOURS = ("#1b7837", "#d95f02", "#7b3294", "#2b7bba", "#a6761d", "#b5485d")
GROUND, EDGE_OF_GROUND, AXES = "#f4f6f5", "#c9d0d6", "#a3adb6"
# What a colour becomes where the page is dark.
PALE = ("#7fc796", "#f0a05a", "#c39bd8", "#7fb0e6", "#d3a24a", "#e28699")
NIGHT = {
    INK: "#c9d0d6",
    GROUND: "#1f2428",
    EDGE_OF_GROUND: "#3a4148",
    AXES: "#5b6670",
    **dict(zip(COLOURS, PALE, strict=True)),
}
FONT = "system-ui, sans-serif"

Points = Sequence[tuple[float, float]]


def curves(lines: Sequence[Points], name: str, unit: str) -> str:
    """Curves between 0 and 1 over one axis."""
    first = min(x for x, _ in lines[0])
    last = max(x for x, _ in lines[0])
    width = WIDTH - 2 * EDGE
    height = HEIGHT - 2 * EDGE

    def place(x: float, y: float) -> str:
        across = EDGE + width * (x - first) / (last - first)
        down = EDGE + height * (1.0 - y)
        return f"{across:.1f} {down:.1f}"

    drawn = []
    for i, line in enumerate(lines):
        path = "L".join(place(x, y) for x, y in line)
        colour = COLOURS[i % len(COLOURS)]
        drawn.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        )
    foot = HEIGHT - EDGE
    drawn.append(
        f'<path d="M{EDGE} {foot}H{WIDTH - EDGE}" stroke="{INK}" fill="none"/>'
    )
    for x in (first, (first + last) / 2.0, last):
        across = EDGE + width * (x - first) / (last - first)
        words = f"{x:,.0f} {unit}"
        # At the ends there is only the edge beside the axis.
        half = 3.2 * len(words)
        across = min(max(across, half), WIDTH - half)
        drawn.append(_words(across, foot + 16, words))
    return _svg(WIDTH, HEIGHT, name, drawn)


def function(points: Points, name: str) -> str:
    """y over x with both axes, one unit as long on each."""
    first = points[0][0]
    last = points[-1][0]
    # What grows without bound is cut where the picture would become a tower.
    kept = [(x, y) for x, y in points if -4.0 <= y <= 4.0]
    low = min(-0.5, *(y for _, y in kept))
    high = max(0.5, *(y for _, y in kept))
    unit = (320.0 - 2 * EDGE) / (last - first)

    def place(x: float, y: float) -> str:
        return f"{EDGE + unit * (x - first):.1f} {EDGE + unit * (high - y):.1f}"

    # Where the function jumps there is no line.
    path = f"M{place(*kept[0])}"
    for before, after in pairwise(kept):
        jumps = abs(after[1] - before[1]) > 0.4 or after[0] - before[0] > 0.1
        path += f"{'M' if jumps else 'L'}{place(*after)}"
    right = place(last, 0.0)
    top = place(0.0, high)
    drawn = [
        f'<path d="M{place(first, 0.0)}L{right}M{place(0.0, low)}L{top}" '
        f'stroke="{AXES}" fill="none"/>',
        f'<path d="{path}" stroke="#1b7837" stroke-width="2.2" fill="none"/>',
    ]
    for x in (first, last):
        across = EDGE + unit * (x - first)
        drawn.append(_words(across, EDGE + unit * high + 14, f"{x:.0f}"))
    drawn.append(_words(EDGE + unit * -first + 10, EDGE + 4, f"{high:.3g}"))
    return _svg(320.0, unit * (high - low) + 2 * EDGE, name, drawn)


def grid(rows: Sequence[Sequence[float]], name: str) -> str:
    """Strengths between 0 and 1: a cell for each, the darker the stronger."""
    cell = max(3.0, min(9.0, 288.0 / max(len(rows), len(rows[0]))))
    width = cell * len(rows[0])
    height = cell * len(rows)
    drawn = [
        f'<rect x="{EDGE}" y="{EDGE}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{GROUND}" stroke="{EDGE_OF_GROUND}"/>'
    ]
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if value > 1e-4:
                # The logarithm lets weak influence be seen beside strong.
                opacity = 0.12 + 0.88 * (1.0 + math.log10(value) / 4.0)
                x = EDGE + cell * j
                y = EDGE + cell * i
                drawn.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" '
                    f'height="{cell:.1f}" fill="#1b7837" opacity="{opacity:.2f}"/>'
                )
    drawn.append(_words(EDGE + width / 2.0, EDGE - 8.0, "input, frames"))
    turned = f'transform="rotate(-90 {EDGE - 8:.0f} {EDGE + height / 2.0:.0f})"'
    drawn.append(_words(EDGE - 8.0, EDGE + height / 2.0, "output", turned))
    return _svg(width + 2 * EDGE, height + 2 * EDGE, name, drawn)


def _words(x: float, y: float, words: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" fill="{INK}" '
        f'font-family="{FONT}" text-anchor="middle" {more}>{escape(words)}</text>'
    )


def _svg(width: float, height: float, name: str, inside: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{CLASS}" {size} '
        f'viewBox="0 0 {width:.0f} {height:.0f}"><title>{escape(name)}</title>'
    )
    style = night("\n".join(inside), NIGHT)
    return "\n".join([head, *inside, style, "</svg>"]) + "\n"
