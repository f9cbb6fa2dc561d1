"""A compiled graph as a picture: `draw` gives a self-contained SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .diagram_arcs import arcs_svg
from .diagram_layout import GUTTER, MARGIN, STEP, WIDTH, Layout, Place, lay_out
from .diagram_marks import bars, cards, part_svg
from .diagram_parts import Part, size_text
from .diagram_svg import COLOURS, FAINT, FONT, INK, LINE, PAPER, box, cut, escaped, head, number, text
from .diagram_walk import parts_and_arcs
from .module import GraphModule

TITLE, LEGEND, SWATCH = 38.0, 34.0, 12.0


def draw(model: GraphModule) -> str:
    """An SVG of the graph: blocks in the order of the chain, sizes between them, skips as arcs with their keys.

    The text is escaped and the picture needs nothing from outside; the same graph gives the same characters.
    """
    parts, arcs = parts_and_arcs(model)
    layout = lay_out(parts, arcs)
    name, facts = cut(model.graph.name, 60), _facts(model)
    width = max(layout.width, 2 * MARGIN + max(_legend_width(_families(parts)), 8.6 * len(name), 6.2 * len(facts)))
    left = (layout.width - width) / 2  # a narrow graph stands in the middle above its legend
    legend = list(_legend(parts, left + MARGIN, layout.height + LEGEND / 2 - 4))
    height = TITLE + layout.height + LEGEND * bool(legend)
    label = f"graph {model.graph.name}: {len(model.nodes)} layers, {len(arcs)} skips"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{number(left)} {number(-TITLE)} {number(width)} '
            f'{number(height)}" width="{number(width)}" height="{number(height)}" role="img" '
            f'aria-label="{escaped(label)}" font-family="{FONT}" fill="{INK}">',
            box(left, -TITLE, width, height, f'fill="{PAPER}"'),
            text(left + MARGIN, 22 - TITLE, name, 15, 'font-weight="700"'),
            text(left + MARGIN, 38 - TITLE, facts, 11, f'fill="{FAINT}"'),
            *cards(parts, layout),
            *bars(parts, layout),
            *_chain(parts, layout),
            *arcs_svg(parts, arcs, layout),
            *(line for part, place in zip(parts, layout.places, strict=True) for line in part_svg(part, place)),
            *legend,
            "</svg>",
        ]
    )


def _facts(model: GraphModule) -> str:
    layers = f"{len(model.nodes)} layer{'s' * (len(model.nodes) != 1)}"
    return f"{layers}, {sum(p.numel() for p in model.parameters()):,} parameters"


def _chain(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """The lines between successive parts, with arrow heads and sizes."""
    for (before, after), (a, b) in zip(pairwise(parts), pairwise(layout.places), strict=True):
        if before.run == after.run or after.cut:
            continue
        if a.column != b.column:
            yield from _turn(before, a, b, layout)
            continue
        ahead = math.copysign(1.0, b.y - a.y)
        yield _line(f"M{number(a.x)} {number(a.leave)}V{number(b.enter)}")
        if after.kind != "store":
            yield head(b.x, b.enter, 0, ahead, LINE)
        if before.kind != "input" and after.kind not in ("store", "output"):
            yield _size(before, a.x + 9, (a.leave + b.enter) / 2 + 4)


def _turn(before: Part, a: Place, b: Place, layout: Layout) -> Iterator[str]:
    """From the foot of a column to the next one: round the bottom of a U, or up to the head of the next column."""
    foot = max(p.y + p.height / 2 for p in layout.places) + STEP / 2
    if b.up:
        path, at = f"V{number(foot - 10)}q0 10 10 10H{number(b.x - 10)}q10 0 10 -10V{number(b.enter)}", (a.x + b.x) / 2
        yield _size(before, at, foot - 6, "middle")
    else:
        x, top = b.x - WIDTH / 2 - GUTTER / 2, b.enter - STEP + 12
        path = f"V{number(foot - 10)}q0 10 10 10H{number(x - 10)}q10 0 10 -10V{number(top + 10)}q0 -10 10 -10"
        path += f"H{number(b.x - 10)}q10 0 10 10V{number(b.enter)}"
        yield _size(before, b.x + 9, b.enter - 11)
    yield _line(f"M{number(a.x)} {number(a.leave)}{path}")
    yield head(b.x, b.enter, 0, -1 if b.up else 1, LINE)


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.4"/>'


def _size(part: Part, x: float, y: float, anchor: str = "start") -> str:
    return text(x, y, cut(size_text(part.size), 40), 11, f'fill="{FAINT}" text-anchor="{anchor}"')


def _families(parts: Sequence[Part]) -> list[str]:
    found = {part.family if part.family in COLOURS else "other" for part in parts if part.kind == "row"}
    return [family for family in COLOURS if family in found]


def _legend_width(families: Sequence[str]) -> float:
    return sum(SWATCH + 22 + 6.8 * len(family) for family in families)


def _legend(parts: Sequence[Part], x: float, y: float) -> Iterator[str]:
    for family in _families(parts):
        fill, border = COLOURS[family]
        yield box(x, y - 6, SWATCH, SWATCH, f'rx="3" fill="{fill}" stroke="{border}"')
        yield text(x + SWATCH + 6, y + 4, family, 11, f'fill="{FAINT}"')
        x += _legend_width([family])
