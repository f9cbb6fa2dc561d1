"""The arcs of a picture: a tensor that is stored, and where it comes back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .layout import WIDTH, Layout, Place
from .marks import pill_half
from .parts import Arc, Part
from .svg import PAPER, SKIP, cut, escaped, head, number, text

TURN = 14.0  # radius of the bends of an arc along a lane
LONGEST_KEY = 14  # characters


def arcs_svg(
    parts: Sequence[Part], arcs: Sequence[Arc], layout: Layout
) -> Iterator[str]:
    """Lines first, then every label on top of them."""
    labels: list[str] = []
    for arc, lane in zip(arcs, layout.lanes, strict=True):
        a = layout.places[arc.start]
        b = layout.places[arc.end]
        if lane is None or lane > a.x:
            side = 1.0
        else:
            side = -1.0
        # Over the middle of a U an arc comes to the near side of its end; along a lane it
        # comes back to the side on which it left.
        if lane is None:
            entry = -1.0
        else:
            entry = side
        # An input's pill would hide the beginning of the line; a store is a dot on it.
        start = a.x
        if parts[arc.start].kind == "input":
            start += side * pill_half(parts[arc.start])
        end = b.x + entry * _half(parts[arc.end])
        if lane is None:
            curve, x, y = _over(a, b, end)
        else:
            curve, x, y = _beside(a, b, lane, side, end)
        yield (
            f'<g class="skip"><title>{escaped(arc.key)}</title><path d="M{number(start)} {number(a.y)}{curve}" '
            f'fill="none" stroke="{SKIP}" stroke-width="1.6" stroke-opacity="0.75"/>'
        )
        yield head(end, b.y, -entry, 0, SKIP)
        yield "</g>"
        if arc.key and lane is not None:
            y = _free(a.y, b.y, _crossings(arcs, layout, arc, lane), _long(arc.key))
        if arc.key:
            labels += _label(arc.key, x, y, lane is not None)
    yield from labels


def _crossings(
    arcs: Sequence[Arc], layout: Layout, own: Arc, lane: float
) -> list[float]:
    """Where the ends of arcs in lanes further out cross a lane."""
    found = []
    middle = layout.places[own.start].x
    for other, further in zip(arcs, layout.lanes, strict=True):
        if further is None or layout.places[other.start].x != middle:
            continue
        same_side = (further > middle) == (lane > middle)
        if same_side and abs(further - middle) > abs(lane - middle):
            found += [layout.places[other.start].y, layout.places[other.end].y]
    return found


def _free(start: float, end: float, crossings: Sequence[float], long: float) -> float:
    """The place nearest to the middle of a lane where a label of a length touches no line that crosses it."""
    low, high = sorted((start, end))
    edges = sorted({low, high, *(y for y in crossings if low < y < high)})
    best = (low + high) / 2
    apart = math.inf
    # Between two lines it has its room, or this gap is too short for it.
    for above, below in pairwise(edges):
        first = above + long / 2 + 1
        last = below - long / 2 - 1
        if first > last:
            continue
        place = min(max((low + high) / 2, first), last)
        if abs(place - (low + high) / 2) < apart:
            apart = abs(place - (low + high) / 2)
            best = place
    return best


def _half(part: Part) -> float:
    """From the middle of a part to where an arc meets it."""
    halves = {"row": WIDTH / 2, "output": pill_half(part), "start": 5.0}
    return halves.get(part.kind, 12.0)


def _over(a: Place, b: Place, end: float) -> tuple[str, float, float]:
    """Straight over the middle of a U: the curve, and the place of its label."""
    # Level up to the edges of the two columns; the curve has only the gap between them.
    near = a.x + WIDTH / 2
    far = b.x - WIDTH / 2
    middle = (near + far) / 2
    curve = f"H{number(near)}C{number(middle)} {number(a.y)} {number(middle)} {number(b.y)} {number(far)} {number(b.y)}"
    return f"{curve}H{number(min(end, max(far, end - 6)))}", middle, (a.y + b.y) / 2


def _beside(
    a: Place, b: Place, lane: float, side: float, end: float
) -> tuple[str, float, float]:
    """Along a lane beside the column: the curve, and the place of its label."""
    # Of a short arc the two bends share the height that there is.
    way = math.copysign(1.0, b.y - a.y)
    bend = min(TURN, abs(b.y - a.y) / 2)
    # Level up to its lane, so that it crosses the lanes before at right angles.
    near = lane - side * bend
    curve = f"H{number(near)}Q{number(lane)} {number(a.y)} {number(lane)} {number(a.y + way * bend)}"
    curve += f"V{number(b.y - way * bend)}Q{number(lane)} {number(b.y)} {number(near)} {number(b.y)}"
    return f"{curve}H{number(end + 6 * side)}", lane, (a.y + b.y) / 2


def _long(key: str) -> float:
    """The length of a label."""
    return 6.6 * len(cut(key, LONGEST_KEY)) + 4


def _label(key: str, x: float, y: float, upright: bool) -> Iterator[str]:
    """The key on a patch of paper, so that it can be read over any line."""
    words = cut(key, LONGEST_KEY)
    long = _long(key)
    if upright:
        turned = f'transform="rotate(-90 {number(x)} {number(y)})"'
    else:
        turned = ""
    patch = f'x="{number(x - long / 2)}" y="{number(y - 7)}" width="{number(long)}" height="14" rx="3"'
    yield f'<g {turned}><rect {patch} fill="{PAPER}" fill-opacity="0.9"/>'
    yield (
        text(
            x, y + 4, words, 11, f'fill="{SKIP}" text-anchor="middle" font-weight="600"'
        )
        + "</g>"
    )
