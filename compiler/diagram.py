"""A compiled graph as a picture: `draw` gives a self-contained SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from ..shapes import show
from .diagram_layout import BEND, DETAIL_LINE, GUTTER, MARGIN, STEP, TIGHT, WIDTH, Layout, Place, detail_lines, lay_out
from .diagram_parts import Arc, Part, parts_and_arcs, size_text
from .module import GraphModule

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Roboto, 'DejaVu Sans', sans-serif"
INK, FAINT, LINE, SKIP = "#1f2933", "#5b6770", "#8a949e", "#3f5f8a"
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
LEGEND, SWATCH = 34.0, 12.0


def draw(model: GraphModule) -> str:
    """An SVG of the graph: blocks in the order of the chain, sizes between them, skips as arcs with their keys.

    The text is escaped and the picture needs nothing from outside; the same graph gives the same characters.
    """
    parts, arcs = parts_and_arcs(model)
    layout = lay_out(parts, arcs)
    width = max(layout.width, 2 * MARGIN + _legend_width(_families(parts)))
    left = (layout.width - width) / 2  # a narrow graph stands in the middle above its legend
    legend = list(_legend(parts, left + MARGIN, layout.height + LEGEND / 2 - 4))
    size = f"{_n(width)} {_n(layout.height + LEGEND * bool(legend))}"
    label = f"graph {model.graph.name}: {len(model.nodes)} layers, {len(arcs)} skips"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{_n(left)} 0 {size}" width="{size.split()[0]}" '
            f'height="{size.split()[1]}" role="img" aria-label="{_e(label)}" font-family="{FONT}" fill="{INK}">',
            *_runs(parts, layout),
            *_chain(parts, layout),
            *_arcs(parts, arcs, layout),
            *(line for part, place in zip(parts, layout.places, strict=True) for line in _part(part, place)),
            *legend,
            "</svg>",
        ]
    )


def _e(text: str) -> str:
    """Escaped, without the control characters that XML has no way to write."""
    return escape("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, size: float, extra: str = "") -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{" " * bool(extra)}{extra}>{_e(text)}</text>'


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _colours(part: Part) -> tuple[str, str]:
    return COLOURS.get(part.family, COLOURS["other"])


def _part(part: Part, place: Place) -> Iterator[str]:
    shapes = f"\n{show(part.size)}" if part.kind in ("store", "join") else ""
    yield f'<g class="{part.kind}"><title>{_e(part.tooltip + shapes)}</title>'
    if part.kind == "row":
        yield from _row(part, place)
    elif part.kind == "store":
        yield f'<circle cx="{_n(place.x)}" cy="{_n(place.y)}" r="4" fill="{SKIP}"/>'
    elif part.kind == "join":
        yield f'<circle cx="{_n(place.x)}" cy="{_n(place.y)}" r="12" fill="#fff" stroke="{SKIP}" stroke-width="1.5"/>'
        size = 10 if len(part.label) > 1 else 15
        yield _text(place.x, place.y + size * 0.33, part.label, size, f'text-anchor="middle" fill="{SKIP}"')
    else:
        half = _pill_half(part)
        yield (
            f'<rect x="{_n(place.x - half)}" y="{_n(place.y - 14)}" width="{_n(2 * half)}" height="28" rx="14" '
            f'fill="#fff" stroke="{INK}" stroke-width="1.2"/>'
        )
        yield (
            f'<text x="{_n(place.x)}" y="{_n(place.y + 4)}" font-size="12" text-anchor="middle">'
            f'<tspan font-weight="600">{_e(_cut(part.name, 16))}</tspan><tspan dx="9" fill="{FAINT}">'
            f"{_e(_cut(part.label, 28))}</tspan></text>"
        )
    yield "</g>"


def _pill_half(part: Part) -> float:
    return min(WIDTH / 2, 32 + 3.3 * (min(len(part.name), 16) + min(len(part.label), 28)))


def _row(part: Part, place: Place) -> Iterator[str]:
    fill, border = _colours(part)
    left, top, lines = place.x - WIDTH / 2, place.y - place.height / 2, detail_lines(part)
    yield (
        f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(WIDTH)}" height="{_n(place.height)}" rx="6" '
        f'fill="{fill}" stroke="{border}"/>'
    )
    name = f'<tspan dx="7" font-weight="400" font-style="italic" fill="{FAINT}">{_e(_cut(part.name, 18))}</tspan>'
    baseline = top + 18.5 - bool(lines)
    yield (
        f'<text x="{_n(left + 11)}" y="{_n(baseline)}" font-size="13" font-weight="600">'
        f"{_e(_cut(part.label, 26))}{name * bool(part.name)}</text>"
    )
    for i, line in enumerate(lines):
        yield _text(left + 11, top + 33 + i * DETAIL_LINE, line, 10.5, f'fill="{FAINT}"')
    if part.detail and not lines:
        yield _text(left + WIDTH - 11, place.y + 4, part.detail, 10.5, f'text-anchor="end" fill="{FAINT}"')


def _runs(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """A pale card behind the layers of a run of two or more."""
    for run in sorted({part.run for part in parts}):
        places = [place for part, place in zip(parts, layout.places, strict=True) if part.run == run]
        if len(places) > 1:
            top = min(p.y - p.height / 2 for p in places) - 2 * TIGHT
            bottom = max(p.y + p.height / 2 for p in places) + 2 * TIGHT
            yield (
                f'<rect x="{_n(places[0].x - WIDTH / 2 - 6)}" y="{_n(top)}" width="{_n(WIDTH + 12)}" '
                f'height="{_n(bottom - top)}" rx="10" fill="#f4f6f8" stroke="#d5dbe1"/>'
            )


def _chain(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """The lines between successive parts, with arrow heads and sizes."""
    for (before, after), (a, b) in zip(pairwise(parts), pairwise(layout.places), strict=True):
        if before.run == after.run or after.kind == "input":
            continue
        if a.column != b.column:
            yield from _turn(before, a, b, layout)
            continue
        ahead = math.copysign(1.0, b.y - a.y)
        yield f'<path d="M{_n(a.x)} {_n(a.leave)}V{_n(b.enter)}" fill="none" stroke="{LINE}" stroke-width="1.4"/>'
        if after.kind != "store":
            yield _head(b.x, b.enter, 0, ahead, LINE)
        if before.kind != "input" and after.kind not in ("store", "output"):
            yield _size(before, a.x + 9, (a.leave + b.enter) / 2 + 4)


def _turn(before: Part, a: Place, b: Place, layout: Layout) -> Iterator[str]:
    """From the foot of a column to the next one: round the bottom of a U, or up to the head of the next column."""
    foot = max(p.y + p.height / 2 for p in layout.places) + STEP / 2
    if b.up:
        path, at = f"V{_n(foot - 10)}q0 10 10 10H{_n(b.x - 10)}q10 0 10 -10V{_n(b.enter)}", (a.x + b.x) / 2
        yield _size(before, at, foot - 6, "middle")
    else:
        x, top = b.x - WIDTH / 2 - GUTTER / 2, b.enter - STEP + 12
        path = f"V{_n(foot - 10)}q0 10 10 10H{_n(x - 10)}q10 0 10 -10V{_n(top + 10)}q0 -10 10 -10"
        path += f"H{_n(b.x - 10)}q10 0 10 10V{_n(b.enter)}"
        yield _size(before, b.x + 9, b.enter - 11)
    yield f'<path d="M{_n(a.x)} {_n(a.leave)}{path}" fill="none" stroke="{LINE}" stroke-width="1.4"/>'
    yield _head(b.x, b.enter, 0, -1 if b.up else 1, LINE)


def _size(part: Part, x: float, y: float, anchor: str = "start") -> str:
    return _text(x, y, _cut(size_text(part.size), 40), 11, f'fill="{FAINT}" text-anchor="{anchor}"')


def _head(x: float, y: float, dx: float, dy: float, colour: str) -> str:
    """An arrow head with its point at (x, y), looking along (dx, dy)."""
    back, side = 7.0, 3.6
    one = f"{_n(x - back * dx + side * dy)} {_n(y - back * dy + side * dx)}"
    two = f"{_n(x - back * dx - side * dy)} {_n(y - back * dy - side * dx)}"
    return f'<path d="M{_n(x)} {_n(y)}L{one}L{two}Z" fill="{colour}"/>'


def _arcs(parts: Sequence[Part], arcs: Sequence[Arc], layout: Layout) -> Iterator[str]:
    for arc, lane in zip(arcs, layout.lanes, strict=True):
        a, b = layout.places[arc.start], layout.places[arc.end]
        side = 1.0 if lane is None or lane > a.x else -1.0
        start = a.x if parts[arc.start].kind == "store" else a.x + side * _pill_half(parts[arc.start])
        end = b.x + 12 * (side if lane is not None else -1.0)
        if lane is None:
            near, far = a.x + WIDTH / 2, b.x - WIDTH / 2
            middle = (near + far) / 2
            curve = f"H{_n(near)}C{_n(middle)} {_n(a.y)} {_n(middle)} {_n(b.y)} {_n(far)} {_n(b.y)}H{_n(end - 6)}"
            label = _label(arc.key, middle, (a.y + b.y) / 2 + 4, "")
        else:
            edge, way = a.x + side * WIDTH / 2, math.copysign(1.0, b.y - a.y)
            bend = min(BEND + abs(lane - edge), abs(b.y - a.y) / 2)
            curve = f"H{_n(edge)}Q{_n(lane)} {_n(a.y)} {_n(lane)} {_n(a.y + way * bend)}V{_n(b.y - way * bend)}"
            curve += f"Q{_n(lane)} {_n(b.y)} {_n(edge)} {_n(b.y)}H{_n(end + 6 * side)}"
            y = (a.y + b.y) / 2
            label = _label(arc.key, lane, y, f' transform="rotate(-90 {_n(lane)} {_n(y)})" dy="4"')
        yield (
            f'<g class="skip"><title>{_e(arc.key)}</title><path d="M{_n(start)} {_n(a.y)}{curve}" fill="none" '
            f'stroke="{SKIP}" stroke-width="1.6" stroke-opacity="0.75"/>'
        )
        yield _head(end, b.y, 1.0 if lane is None else -side, 0, SKIP)
        yield label + "</g>"


def _label(key: str, x: float, y: float, extra: str) -> str:
    halo = 'text-anchor="middle" font-weight="600" stroke="#fff" stroke-width="5" stroke-linejoin="round"'
    return _text(x, y, _cut(key, 14), 11, f'fill="{SKIP}" {halo} paint-order="stroke"{extra}')


def _families(parts: Sequence[Part]) -> list[str]:
    found = {part.family if part.family in COLOURS else "other" for part in parts if part.kind == "row"}
    return [family for family in COLOURS if family in found]


def _legend_width(families: Sequence[str]) -> float:
    return sum(SWATCH + 22 + 6.8 * len(family) for family in families)


def _legend(parts: Sequence[Part], x: float, y: float) -> Iterator[str]:
    for family in _families(parts):
        fill, border = COLOURS[family]
        yield (
            f'<rect x="{_n(x)}" y="{_n(y - 6)}" width="{_n(SWATCH)}" height="{_n(SWATCH)}" rx="3" fill="{fill}" '
            f'stroke="{border}"/>'
        )
        yield _text(x + SWATCH + 6, y + 4, family, 11, f'fill="{FAINT}"')
        x += _legend_width([family])
