"""Where the parts of a graph's picture stand: in one column, in several, or on the two sides of a U."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from textwrap import wrap

from .parts import Arc, Part

# Of a column, around the picture, and between columns.
WIDTH = 264.0
MARGIN = 16.0
GUTTER = 64.0
# From a column to its first lane, and from lane to lane.
BEND = 22.0
LANE = 26.0
# Gaps: inside a run, to a store, for an arrow, for an arrow with a size.
TIGHT = 3.0
SHORT = 14.0
BARE = 22.0
STEP = 40.0
# a chain longer than LONG folds, into columns of about COLUMN,
LONG = 900.0
COLUMN = 640.0
# the longest column of a chain that could be folded into a U, but is not
TALL = 1900.0
MOST_COLUMNS = 4  # or into so many longer ones, what a page is wide
MIDDLE = (0.3, 0.7)  # of a chain, where the bottom of a U is looked for
HEIGHTS = {
    "input": 28.0,
    "output": 28.0,
    "row": 28.0,
    "store": 8.0,
    "start": 8.0,
    "join": 24.0,
}
GROUP = (
    22.0  # left of a column, for the bars of sub-graphs, and for each depth of repeats
)
TORN = 90.0  # what a fold is moved at most, so that it tears no repeat
AT_SKIP = 120.0  # and so that the chain does not turn where a skip begins or ends
DETAIL_LINE = 14.0
CHARACTERS = 42  # of the config that one line of a row holds
# width of a character of a row's block, name and config, rather more than less
BOLD = 8.4
ITALIC = 7.4
SMALL = 5.9


@dataclass(frozen=True)
class Place:
    """Centre and height of a part; `up` where the chain climbs."""

    x: float
    y: float
    height: float
    column: int
    up: bool

    @property
    def enter(self) -> float:
        """y of the side where the chain comes in."""
        return self.y + self.height / 2 * (1 if self.up else -1)

    @property
    def leave(self) -> float:
        """y of the side where the chain goes out."""
        return self.y + self.height / 2 * (-1 if self.up else 1)


@dataclass(frozen=True)
class Layout:
    """A place per part, the x of a lane per arc (None: straight over the middle of a U), and the size of it all.

    `beside` is what bars and brackets take left of each column.
    """

    places: tuple[Place, ...]
    lanes: tuple[float | None, ...]
    width: float
    height: float
    beside: float = 0.0


def detail_lines(part: Part) -> list[str]:
    """The config on lines of its own, or none where it fits beside the name."""
    wide = BOLD * len(part.label) + ITALIC * len(part.name) + SMALL * len(part.detail)
    # 11 on both sides, 22 between name and config
    if part.kind != "row" or wide < WIDTH - 44:
        return []
    return wrap(part.detail, CHARACTERS, max_lines=3, placeholder=" …")


def lay_out(parts: Sequence[Part], arcs: Sequence[Arc]) -> Layout:
    """Places for all parts and lanes for all arcs.

    A short chain is one column. A long one folds where no skip is open; a long chain with skips across all of it,
    such as a U-Net, becomes a U: down to the gap that most skips cross, and up again. Where the skips do not lie
    one inside the other, as those of a U-Net, the column may be longer before that.
    """
    heights = [
        HEIGHTS[part.kind] + DETAIL_LINE * len(detail_lines(part)) for part in parts
    ]
    gaps = [*(_gap(a, b) for a, b in pairwise(parts)), 0.0]
    # First as if all stood in one column: where it folds depends on how long it is.
    steps = (height + gap for height, gap in zip(heights, gaps, strict=True))
    tops = list(accumulate(steps, initial=0.0))
    starts, is_u = _columns(parts, arcs, tops)
    columns = [sum(i >= start for start in starts) - 1 for i in range(len(parts))]
    lanes = _lanes(arcs, columns)
    n_lanes = 1 + max((lane for lane in lanes if lane is not None), default=-1)
    # Bars of sub-graphs, brackets of repeats and lanes of skips make every column as much wider.
    room = BEND + n_lanes * LANE if n_lanes else 0.0
    beside = bars_width(parts) + GROUP * max(len(part.rounds) for part in parts)
    return _place(tops, heights, starts, columns, arcs, lanes, room, is_u, beside)


def bars_width(parts: Sequence[Part]) -> float:
    """What the bars of sub-graphs take left of a column; the brackets of repeats stand beside them."""
    return GROUP if any(part.group for part in parts) else 0.0


def _columns(
    parts: Sequence[Part], arcs: Sequence[Arc], tops: Sequence[float]
) -> tuple[list[int], bool]:
    """The first part of every column, and whether two columns are the sides of a U."""
    whole = tops[-1]
    if whole <= LONG:
        return [0], False
    # How many skips are open before each part: a fold there would tear them apart.
    crossing = [
        sum(arc.start < i <= arc.end for arc in arcs) for i in range(len(parts))
    ]
    n_columns = min(round(whole / COLUMN), MOST_COLUMNS)
    starts = _folds(parts, tops, crossing, n_columns)
    ends = [*starts[1:], len(parts)]
    longest = max(
        tops[end] - tops[start] for start, end in zip(starts, ends, strict=True)
    )
    # Folds that come out about equally long are good, and without skips there is nothing better.
    if not max(crossing) or longest <= 1.6 * whole / n_columns:
        return starts, False
    bottom = _bottom(parts, tops, crossing)
    if whole > TALL or _nested(arcs, bottom):
        return [0, bottom], True
    return [0], False


def _gap(before: Part, after: Part) -> float:
    if before.run == after.run:
        return TIGHT
    if after.kind in ("store", "input") or (before.kind, after.cut) == ("output", True):
        return SHORT
    if before.kind == "input" or after.kind == "output":
        return BARE
    return STEP


def _folding_points(parts: Sequence[Part]) -> list[int]:
    """Parts that a column may begin with: none inside a run, no input and no output."""
    pairs = enumerate(pairwise(parts), start=1)
    return [
        i
        for i, (a, b) in pairs
        if b.kind in ("row", "join", "store", "start")
        and a.kind != "input"
        and a.run != b.run
    ]


def _folds(
    parts: Sequence[Part],
    tops: Sequence[float],
    crossing: Sequence[int],
    n_columns: int,
) -> list[int]:
    """First parts of columns of about equal height, at gaps that no skip crosses; between repeats, not in one."""
    points = [i for i in _folding_points(parts) if not crossing[i]]
    if points:
        wanted = [tops[-1] * k / n_columns for k in range(1, n_columns)]
    else:
        wanted = []
    costs = {i: _tearing(parts[i - 1], parts[i]) for i in points}

    def nearest(height: float) -> int:
        return min(points, key=lambda i: abs(tops[i] - height) + costs[i])

    return [0, *sorted(set(map(nearest, wanted)))]


def _tearing(before: Part, after: Part) -> float:
    """How much a fold between two parts would tear apart, as a way by which it is rather moved."""
    cost = 0.0
    if "store" in (before.kind, after.kind):
        cost += AT_SKIP
    # Within a round it tears a repeat and the round; between rounds only the repeat.
    for one, other in zip(before.rounds, after.rounds, strict=False):
        if one.repeat != other.repeat:
            break
        cost += TORN if one == other else TORN / 2
    return cost


def _bottom(
    parts: Sequence[Part], tops: Sequence[float], crossing: Sequence[int]
) -> int:
    """First part of the climbing side: near the middle, at the gap that most skips cross, of those the most central."""
    points = _folding_points(parts)
    central = [i for i in points if MIDDLE[0] <= tops[i] / tops[-1] <= MIDDLE[1]]
    return min(
        central or points, key=lambda i: (-crossing[i], abs(tops[i] - tops[-1] / 2))
    )


def _nested(arcs: Sequence[Arc], bottom: int) -> bool:
    """Whether of the skips across the bottom each is inside the others."""
    across = sorted(
        (arc.start, -arc.end) for arc in arcs if arc.start < bottom <= arc.end
    )
    return all(inner[1] >= outer[1] for outer, inner in pairwise(across))


def _lanes(arcs: Sequence[Arc], columns: Sequence[int]) -> list[int | None]:
    """A lane per arc, counted outwards: short arcs inside, and never two that overlap in one lane."""
    lanes: list[int | None] = [None] * len(arcs)
    # A skip from one side of a U to the other runs straight over, without a lane.
    inside = [i for i, arc in enumerate(arcs) if columns[arc.start] == columns[arc.end]]
    for i in sorted(inside, key=lambda i: (arcs[i].end - arcs[i].start, arcs[i].start)):
        beside = [
            lane
            for lane, other in zip(lanes, arcs, strict=True)
            if lane is not None and _overlap(arcs[i], other)
        ]
        lanes[i] = 1 + max(beside, default=-1)
    return lanes


def _overlap(a: Arc, b: Arc) -> bool:
    return a.start < b.end and b.start < a.end


def _place(
    tops: Sequence[float],
    heights: Sequence[float],
    starts: Sequence[int],
    columns: Sequence[int],
    arcs: Sequence[Arc],
    lanes: Sequence[int | None],
    room: float,
    is_u: bool,
    bars: float,
) -> Layout:
    """Coordinates; `room` is what the lanes take beside a column, `bars` the bars and brackets left of it."""
    # The lanes of a U lie outside of both its sides, those of folded columns to the right of each.
    if is_u:
        gutter = bars + 2 * GUTTER
        left = MARGIN + bars + room
    else:
        gutter = bars + GUTTER + room
        left = MARGIN + bars
    folded = len(starts) > 1
    above = MARGIN + (STEP if folded and not is_u else 0)
    lengths = [
        tops[end - 1] + heights[end - 1] - tops[start]
        for start, end in pairwise([*starts, len(heights)])
    ]
    ground = max(lengths)
    places = []
    for i, column in enumerate(columns):
        up = is_u and column == 1
        y = tops[i] - tops[starts[column]] + heights[i] / 2
        # Both sides of a U stand on the same ground.
        if up:
            y = ground - y
        elif is_u:
            y += ground - lengths[column]
        x = left + WIDTH / 2 + column * (WIDTH + gutter)
        places.append(Place(x, above + y, heights[i], column, up))
    xs: list[float | None] = []
    for arc, lane in zip(arcs, lanes, strict=True):
        if lane is None:
            xs.append(None)
            continue
        outward = WIDTH / 2 + BEND + lane * LANE
        if is_u and columns[arc.start] == 0:
            xs.append(places[arc.start].x - outward - bars)
        else:
            xs.append(places[arc.start].x + outward)
    width = left + len(starts) * WIDTH + (len(starts) - 1) * gutter + room + MARGIN
    height = above + ground + MARGIN + (STEP if folded else 0)
    return Layout(tuple(places), tuple(xs), width, height, bars)
