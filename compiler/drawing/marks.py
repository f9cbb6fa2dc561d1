"""One thing on the chain as SVG: a row for a block, a dot for a store, a sign for a join, a pill for an input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...shapes import show
from .layout import DETAIL_LINE, TIGHT, WIDTH, Layout, Place, detail_lines
from .parts import Part
from .svg import (
    BARS,
    COLOURS,
    EDGE,
    FAINT,
    GROUND,
    INK,
    PAPER,
    SKIP,
    box,
    circle,
    cut,
    escaped,
    number,
    text,
)

# The most characters of the two texts in a pill.
NAME = 20
LABEL = 28


def part_svg(part: Part, place: Place) -> Iterator[str]:
    """A part, with what a mouse over it shows."""
    if part.kind in ("store", "start", "join"):
        shapes = f"\n{show(part.size)}"
    else:
        shapes = ""
    yield f'<g class="{part.kind}"><title>{escaped(part.tooltip + shapes)}</title>'
    if part.kind == "row":
        yield from _row(part, place)
    elif part.kind == "store":
        yield circle(place.x, place.y, 4, f'fill="{SKIP}"')
    elif part.kind == "start":
        yield circle(
            place.x, place.y, 4.5, f'fill="{PAPER}" stroke="{SKIP}" stroke-width="1.6"'
        )
    elif part.kind == "join":
        yield circle(
            place.x, place.y, 12, f'fill="{PAPER}" stroke="{SKIP}" stroke-width="1.5"'
        )
        if len(part.label) > 1:
            size = 10
        else:
            size = 15
        yield text(
            place.x,
            place.y + size * 0.33,
            part.label,
            size,
            f'text-anchor="middle" fill="{SKIP}"',
        )
    else:
        yield from _pill(part, place)
    yield "</g>"


def pill_half(part: Part) -> float:
    """Half the width of an input or output."""
    name, label = _pill_words(part)
    return min(WIDTH / 2, 20 + (7.4 * len(name) + 6.4 * len(label)) / 2)


def _pill_words(part: Part) -> tuple[str, str]:
    return cut(part.name, NAME), cut(part.label, LABEL - max(0, len(part.name) - 12))


def _pill(part: Part, place: Place) -> Iterator[str]:
    half = pill_half(part)
    name, label = _pill_words(part)
    extra = f'rx="14" fill="{PAPER}" stroke="{INK}" stroke-width="1.2"'
    yield box(place.x - half, place.y - 14, 2 * half, 28, extra)
    # SVG does not tell how wide a text is, so the two texts end and begin where their
    # widths, as guessed from their lengths, put the gap.
    between = place.x + (7.4 * len(name) - 6.4 * len(label)) / 2
    yield text(
        between - 5, place.y + 4, name, 12, 'text-anchor="end" font-weight="600"'
    )
    yield text(between + 5, place.y + 4, label, 12, f'fill="{FAINT}"')


def _row(part: Part, place: Place) -> Iterator[str]:
    fill, border = COLOURS.get(part.family, COLOURS["other"])
    left = place.x - WIDTH / 2
    top = place.y - place.height / 2
    lines = detail_lines(part)
    # Dashes mark a row whose weights are another's.
    look = f'rx="6" fill="{fill}" stroke="{border}"'
    words = part.name
    if part.again:
        look += ' stroke-dasharray="5 3"'
        words = f"{part.name} again"
    yield box(left, top, WIDTH, place.height, look)
    # Block and name are one text, so that the name follows the block however wide a
    # font makes it.
    name = ""
    if words:
        style = f'font-weight="400" font-style="italic" fill="{FAINT}"'
        name = f'<tspan dx="7" {style}>{escaped(cut(words, 22))}</tspan>'
    baseline = top + 18.5 - bool(lines)
    yield (
        f'<text x="{number(left + 11)}" y="{number(baseline)}" font-size="13" font-weight="600">'
        f"{escaped(cut(part.label, 26))}{name}</text>"
    )
    # The config stands beside the block where there is room, else on lines below it.
    for i, line in enumerate(lines):
        yield text(left + 11, top + 33 + i * DETAIL_LINE, line, 10.5, f'fill="{FAINT}"')
    if part.detail and not lines:
        yield text(
            left + WIDTH - 11,
            place.y + 4,
            part.detail,
            10.5,
            f'text-anchor="end" fill="{FAINT}"',
        )


def cards(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """A pale card behind the layers of a run of two or more."""
    for run in sorted({part.run for part in parts}):
        places = [
            place
            for part, place in zip(parts, layout.places, strict=True)
            if part.run == run
        ]
        # A card around one row would only be a second border.
        if len(places) > 1:
            top = min(p.y - p.height / 2 for p in places) - 2 * TIGHT
            bottom = max(p.y + p.height / 2 for p in places) + 2 * TIGHT
            extra = f'rx="10" fill="{GROUND}" stroke="{EDGE}"'
            yield box(places[0].x - WIDTH / 2 - 6, top, WIDTH + 12, bottom - top, extra)


def bars(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """A bar with its name beside the layers of each sub-graph."""
    names = list(dict.fromkeys(part.group for part in parts if part.group))
    for group, places in _stretches(parts, layout):
        colour = BARS[names.index(group) % len(BARS)]
        top = min(p.y - p.height / 2 for p in places)
        bottom = max(p.y + p.height / 2 for p in places)
        x = places[0].x - WIDTH / 2 - 11
        middle = (top + bottom) / 2
        yield f'<g class="group"><title>{escaped(group)}</title>'
        yield box(x, top, 3, bottom - top, f'rx="1.5" fill="{colour}"')
        turned = f'text-anchor="middle" font-weight="600" transform="rotate(-90 {number(x - 4)} {number(middle)})"'
        words = cut(group, max(3, int((bottom - top) / 6.6)))
        # A patch of paper, so that the name can be read over an arc.
        long = 6.6 * len(words) + 4
        yield box(
            x - 13, middle - long / 2, 11, long, f'fill="{PAPER}" fill-opacity="0.9"'
        )
        yield text(x - 4, middle, words, 10.5, f'fill="{colour}" {turned}') + "</g>"


def _stretches(
    parts: Sequence[Part], layout: Layout
) -> Iterator[tuple[str, list[Place]]]:
    """Sub-graphs with the places of their layers, column by column; any skip between two of them is inside."""
    group = ""
    places = list[Place]()
    for part, place in zip(parts, layout.places, strict=True):
        # A skip of the outermost graph does not break a bar: the sub-graph goes on
        # behind it.
        if part.kind != "row" and not part.group:
            continue
        if places and (part.group != group or place.column != places[-1].column):
            yield group, places
            places = []
        group = part.group
        if group:
            places.append(place)
    if places:
        yield group, places
