"""Where the parts of a graph's picture stand: one column, several, or the two sides of a U."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .diagram_parts import Arc, Kind, Part

WIDTH, ROW, TALL_ROW = 264.0, 28.0, 42.0
TIGHT, STEP, SHORT, PAD = 3.0, 34.0, 14.0, 6.0
GUTTER, LANE, MARGIN, BEND = 64.0, 26.0, 16.0, 22.0
LONG, COLUMN = 900.0, 640.0  # a chain longer than LONG folds, into columns of about COLUMN
CHARACTERS = 40  # of name and config that one line of a row holds
HEIGHTS: dict[Kind, float] = {"input": 28.0, "output": 28.0, "store": 8.0, "join": 24.0}


@dataclass(frozen=True)
class Place:
    """Centre and height of a part; `up` where the chain climbs."""

    x: float
    y: float
    height: float
    column: int
    up: bool = False

    @property
    def enter(self) -> float:
        """y of the side at which the chain comes in."""
        return self.y + self.height / 2 if self.up else self.y - self.height / 2

    @property
    def leave(self) -> float:
        """y of the side at which the chain goes out."""
        return self.y - self.height / 2 if self.up else self.y + self.height / 2


@dataclass(frozen=True)
class Layout:
    """A place per part, a lane per arc (None: straight through the gutter of a U), and the size of it all."""

    places: tuple[Place, ...]
    lanes: tuple[float | None, ...]
    width: float
    height: float


def is_tall(part: Part) -> bool:
    """Whether a row needs a second line for its config."""
    return len(part.label) + len(part.name) + len(part.detail) > CHARACTERS


def lay_out(parts: Sequence[Part], arcs: Sequence[Arc]) -> Layout:
    """Short chains stand in one column. Long ones fold where no skip is open; a long chain with skips across all of
    it, such as a U-Net, is drawn as a U: down to the cut that most skips cross, and up again."""
    heights = [TALL_ROW if is_tall(p) else HEIGHTS.get(p.kind, ROW) for p in parts]
    gaps = [_gap(a, b) for a, b in pairwise(parts)]
    tops = list(accumulate((h + g for h, g in zip(heights, [*gaps, 0.0], strict=True)), initial=0.0))
    total, open_skips = tops[-1], _open_skips(len(parts), arcs)
    starts, climbs = [0], False
    if total > LONG:
        starts = _folds(parts, tops, open_skips)
        ends = [*starts[1:], len(parts)]
        if any(tops[e] - tops[s] > 1.5 * COLUMN for s, e in zip(starts, ends, strict=True)) and max(open_skips):
            starts, climbs = [0, _bottom(parts, tops, open_skips)], True
    columns = [sum(i >= s for s in starts) - 1 for i in range(len(parts))]
    lanes = _lanes(arcs, columns)
    return _place(tops, heights, columns, starts, lanes, climbs)


def _gap(before: Part, after: Part) -> float:
    if before.run == after.run and before.kind == "row":
        return TIGHT
    if after.kind == "store" or "input" in (before.kind, after.kind) or after.kind == "output":
        return SHORT if before.kind == "row" or after.kind in ("store", "input") else SHORT + PAD
    return STEP + PAD


def _open_skips(n_parts: int, arcs: Sequence[Arc]) -> list[int]:
    """For each part, how many skips pass the gap before it."""
    return [sum(arc.start < i <= arc.end for arc in arcs) for i in range(n_parts)]


def _may_fold(parts: Sequence[Part], i: int) -> bool:
    """Whether a column may begin with part i: not inside a run, not with a store, an input or the output."""
    return i > 0 and parts[i].kind in ("row", "join") and parts[i].run != parts[i - 1].run


def _folds(parts: Sequence[Part], tops: Sequence[float], open_skips: Sequence[int]) -> list[int]:
    """First parts of the columns, of about equal height, at gaps that no skip passes."""
    n_columns = round(tops[-1] / COLUMN)
    places = [i for i in range(len(parts)) if _may_fold(parts, i) and not open_skips[i]]
    wanted = [tops[-1] * k / n_columns for k in range(1, n_columns)]
    return [0, *sorted({min(places, key=lambda i: abs(tops[i] - y)) for y in wanted} if places else [])]


def _bottom(parts: Sequence[Part], tops: Sequence[float], open_skips: Sequence[int]) -> int:
    """First part of the rising side: the cut that most skips cross, of those the nearest to the middle."""
    places = [i for i in range(1, len(parts)) if _may_fold(parts, i)]
    return min(places, key=lambda i: (-open_skips[i], abs(tops[i] - tops[-1] / 2)))


def _lanes(arcs: Sequence[Arc], columns: Sequence[int]) -> list[int | None]:
    """A lane per arc, counted outwards: shorter arcs inside, and two that overlap never in one lane."""
    lanes: list[int | None] = [None] * len(arcs)
    inside = [i for i, arc in enumerate(arcs) if columns[arc.start] == columns[arc.end]]
    for i in sorted(inside, key=lambda i: (arcs[i].end - arcs[i].start, arcs[i].start)):
        a = arcs[i]
        taken = [
            lane
            for lane, b in zip(lanes, arcs, strict=True)
            if lane is not None and b.start <= a.end and a.start <= b.end
        ]
        lanes[i] = 1 + max(taken, default=-1)
    return lanes


def _place(
    tops: Sequence[float],
    heights: Sequence[float],
    columns: Sequence[int],
    starts: Sequence[int],
    lanes: Sequence[int | None],
    climbs: bool,
) -> Layout:
    room = (1 + max((lane for lane in lanes if lane is not None), default=-1)) * LANE
    room += BEND if room else 0.0
    gutter = 2 * GUTTER if climbs else GUTTER + room
    ends = [*starts[1:], len(heights)]
    lengths = [tops[e - 1] + heights[e - 1] - tops[s] for s, e in zip(starts, ends, strict=True)]
    tallest, left = max(lengths), MARGIN + (room if climbs else 0.0)
    places = []
    for i, column in enumerate(columns):
        x, up = left + WIDTH / 2 + column * (WIDTH + gutter), climbs and column == 1
        y = tops[i] - tops[starts[column]] + heights[i] / 2
        if climbs:
            y = tallest - y if up else y + tallest - lengths[column]
        places.append(Place(x, y + MARGIN + (STEP if len(starts) > 1 and not climbs else 0.0), heights[i], column, up))
    width = left + len(starts) * WIDTH + (len(starts) - 1) * gutter + room + MARGIN
    return Layout(tuple(places), _lane_xs(lanes, climbs), width, tallest + 2 * MARGIN + (STEP if len(starts) > 1 else 0))


def _lane_xs(lanes: Sequence[int | None], climbs: bool) -> tuple[float | None, ...]:
    """How far outside the column each lane runs."""
    del climbs
    return tuple(None if lane is None else BEND + lane * LANE for lane in lanes)
