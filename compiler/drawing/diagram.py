"""A compiled graph as a picture: `draw` gives a self-contained SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from textwrap import wrap

from ..module import GraphModule, count_parameters
from .arcs import arcs_svg
from .brackets import brackets
from .layout import GUTTER, MARGIN, STEP, WIDTH, Layout, Place, lay_out
from .marks import bars, cards, part_svg
from .parts import Arc, Part, size_text
from .plot import Curve, plot_height, plot_svg
from .svg import (
    CLASS,
    COLOURS,
    FAINT,
    FONT,
    INK,
    LINE,
    PAPER,
    box,
    cut,
    escaped,
    head,
    night,
    number,
    text,
)
from .walk import parts_and_arcs

TITLE = 38.0
LINE_OF_FACTS = 15.0
LEGEND = 34.0
SWATCH = 12.0
FACTS = 48  # characters that a line of facts may always have
# widths of a character of the title, and of the facts
BOLD_TITLE = 8.6
CHARACTER = 6.2
FADED = f'fill="{FAINT}"'


def draw(model: GraphModule) -> str:
    """An SVG of the graph: blocks in the order of the chain, sizes between them, skips as arcs with their keys.

    The text is escaped and the picture needs nothing from outside; the same graph gives the same characters. It is dark
    where the system is.
    """
    parts, arcs = parts_and_arcs(model)
    label = f"graph {model.graph.name}: {len(model.nodes)} layers, {len(arcs)} skips"
    return picture(model.graph.name, _facts(model), label, parts, arcs)


def picture(
    title: str,
    facts: str,
    label: str,
    parts: Sequence[Part],
    arcs: Sequence[Arc],
    curve: Curve = (),
) -> str:
    """The SVG of these parts, of a curve below them; `label` is for who cannot see it. `facts` may have lines."""
    layout = lay_out(parts, arcs)
    lines = _wrapped(facts, layout)
    name = cut(title, 60)
    widest = [_legend_width(_families(parts)), BOLD_TITLE * len(name)]
    widest += [CHARACTER * len(line) for line in lines]
    width = max(layout.width, 2 * MARGIN + max(widest))
    # A narrow graph stands in the middle above its legend.
    left = (layout.width - width) / 2
    above = TITLE + LINE_OF_FACTS * max(0, len(lines) - 1)
    foot = layout.height + plot_height(curve)
    legend = list(_legend(parts, left + MARGIN, foot + LEGEND / 2 - 4))
    height = above + foot + (LEGEND if legend else 0)
    elements = [
        _opening(left, -above, width, height, label),
        box(left, -above, width, height, f'fill="{PAPER}"'),
        *_heading(name, lines, left + MARGIN, -above),
        # What comes later lies above: arcs over cards and lines, the parts over arcs.
        *cards(parts, layout),
        *_chain(parts, layout),
        *arcs_svg(parts, arcs, layout),
        *bars(parts, layout),
        *brackets(parts, layout),
        *_part_elements(parts, layout),
        *plot_svg(curve, layout.places[0].x - WIDTH / 2, layout.height),
        *legend,
    ]
    drawn = "\n".join(elements)
    return f"{drawn}\n{night(drawn)}\n</svg>"


def _wrapped(facts: str, layout: Layout) -> list[str]:
    """The facts in lines as wide as the graph, at least as wide as `FACTS`."""
    characters = max(FACTS, int((layout.width - 2 * MARGIN) / CHARACTER))
    lines: list[str] = []
    for one in facts.splitlines():
        lines += wrap(one, characters, max_lines=3, placeholder=" …")
    return lines


def _opening(x: float, y: float, width: float, height: float, label: str) -> str:
    corner = f"{number(x)} {number(y)}"
    size = f"{number(width)} {number(height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{CLASS}" viewBox="{corner} {size}" '
        f'width="{number(width)}" height="{number(height)}" role="img" '
        f'aria-label="{escaped(label)}" font-family="{FONT}" fill="{INK}">'
    )


def _heading(name: str, lines: Sequence[str], x: float, top: float) -> Iterator[str]:
    """The title, and the facts below it."""
    yield text(x, top + 22, name, 15, 'font-weight="700"')
    for i, line in enumerate(lines):
        yield text(x, top + 38 + LINE_OF_FACTS * i, line, 11, FADED)


def _part_elements(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    for part, place in zip(parts, layout.places, strict=True):
        yield from part_svg(part, place)


def _facts(model: GraphModule) -> str:
    n_layers = len(model.nodes)
    layers = "1 layer" if n_layers == 1 else f"{n_layers} layers"
    n_parameters = count_parameters(model)
    return f"{layers}, {n_parameters:,} parameters"


def _chain(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """The lines between successive parts, with arrow heads and sizes."""
    for (before, after), (a, b) in zip(
        pairwise(parts), pairwise(layout.places), strict=True
    ):
        # Rows of a run touch one another, and before a cut the chain has ended.
        if before.run == after.run or after.cut:
            continue
        if a.column != b.column:
            yield from _turn(before, a, b, layout)
            continue
        ahead = math.copysign(1.0, b.y - a.y)
        yield _line(f"M{number(a.x)} {number(a.leave)}V{number(b.enter)}")
        if after.kind != "store":
            yield head(b.x, b.enter, 0, ahead, LINE)
        # The pills of inputs and outputs hold their sizes, and a store changes none.
        shown_already = before.kind == "input" or after.kind in ("store", "output")
        if before.edge or not shown_already:
            yield _size(before, a.x + 9, (a.leave + b.enter) / 2 + 4)


def _turn(before: Part, a: Place, b: Place, layout: Layout) -> Iterator[str]:
    """From the foot of a column to the next one: round the bottom of a U, or up to the head of the next column."""
    # Below the column that it leaves; those that it leads past are beside it.
    foot = a.leave + STEP / 2
    if b.up:
        path = f"V{number(foot - 10)}q0 10 10 10H{number(b.x - 10)}q10 0 10 -10V{number(b.enter)}"
        at = (a.x + b.x) / 2
        yield _size(before, at, foot - 6, "middle")
    else:
        # Left of the bars and brackets of the next column.
        x = b.x - WIDTH / 2 - layout.beside - GUTTER / 2
        top = b.enter - STEP + 12
        path = f"V{number(foot - 10)}q0 10 10 10H{number(x - 10)}q10 0 10 -10V{number(top + 10)}q0 -10 10 -10"
        path += f"H{number(b.x - 10)}q10 0 10 10V{number(b.enter)}"
        yield _size(before, b.x + 9, b.enter - 11)
    yield _line(f"M{number(a.x)} {number(a.leave)}{path}")
    yield head(b.x, b.enter, 0, -1 if b.up else 1, LINE)


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.4"/>'


def _size(part: Part, x: float, y: float, anchor: str = "start") -> str:
    return text(
        x,
        y,
        cut(part.edge or size_text(part.size), 40),
        11,
        f'fill="{FAINT}" text-anchor="{anchor}"',
    )


def _families(parts: Sequence[Part]) -> list[str]:
    found = {
        part.family if part.family in COLOURS else "other"
        for part in parts
        if part.kind == "row"
    }
    return [family for family in COLOURS if family in found]


def _legend_width(families: Sequence[str]) -> float:
    return sum(SWATCH + 22 + 6.8 * len(family) for family in families)


def _legend(parts: Sequence[Part], x: float, y: float) -> Iterator[str]:
    for family in _families(parts):
        fill, border = COLOURS[family]
        yield box(x, y - 6, SWATCH, SWATCH, f'rx="3" fill="{fill}" stroke="{border}"')
        yield text(x + SWATCH + 6, y + 4, family, 11, FADED)
        x += _legend_width([family])
