"""Brackets beside the layers of each `repeat`, with how often they run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .layout import GROUP, WIDTH, Layout, Place, bars_width
from .parts import Part
from .svg import FAINT, LINE, PAPER, box, number, text

HOOK = 6.0  # length of the ends of a bracket
TICK = 4.0  # and of the marks between its rounds
CHARACTER = 6.2


@dataclass
class _Stretch:
    """What of one repeat stands in one column: the places of each of its rounds, by their numbers."""

    repeat: int
    depth: int  # 0: the innermost of those around its layers
    of: int
    rounds: dict[int, list[Place]] = field(default_factory=dict)

    def words(self, room: float) -> str:
        """How often it repeats; which rounds, where it continues in another column; shorter where space is short."""
        first = min(self.rounds)
        last = max(self.rounds)
        if (first, last) == (1, self.of):
            short = f"× {self.of}"
        elif first == last:
            short = f"{first} of {self.of}"
        else:
            short = f"{first}–{last} of {self.of}"
        whole = f"repeat {short}"
        return whole if _long(whole) + 2 * HOOK < room else short


def brackets(parts: Sequence[Part], layout: Layout) -> Iterator[str]:
    """A bracket for each repeat and column, the outer ones further from the layers."""
    away = bars_width(parts)
    for stretch in _stretches(parts, layout):
        yield from _bracket(stretch, away + GROUP * stretch.depth)


def _stretches(parts: Sequence[Part], layout: Layout) -> list[_Stretch]:
    """Every repeat that runs more than once, column by column."""
    found: dict[tuple[int, tuple[int, ...], int], _Stretch] = {}
    deepest = _depths(parts)
    for part, place in zip(parts, layout.places, strict=True):
        for level, one in enumerate(part.rounds):
            if one.of == 1:
                continue
            # An inner repeat has a bracket in each round of the outer one.
            outer = tuple(other.number for other in part.rounds[:level])
            key = (one.repeat, outer, place.column)
            depth = deepest[one.repeat]
            stretch = found.setdefault(key, _Stretch(one.repeat, depth, one.of))
            stretch.rounds.setdefault(one.number, []).append(place)
    return list(found.values())


def _depths(parts: Sequence[Part]) -> dict[int, int]:
    """How many repeats stand inside each, one in another."""
    depths: dict[int, int] = {}
    for part in parts:
        for level, one in enumerate(part.rounds):
            inside = len(part.rounds) - 1 - level
            depths[one.repeat] = max(depths.get(one.repeat, 0), inside)
    return depths


def _bracket(stretch: _Stretch, away: float) -> Iterator[str]:
    rounds = [stretch.rounds[number] for number in sorted(stretch.rounds)]
    places = [place for one in rounds for place in one]
    top, bottom = _ends(places)
    x = places[0].x - WIDTH / 2 - 14 - away
    path = f"M{number(x + HOOK)} {number(top)}H{number(x)}V{number(bottom)}H{number(x + HOOK)}"
    for one, other in pairwise(rounds):
        path += f"M{number(x)} {number(_between(one, other))}H{number(x + TICK)}"
    words = stretch.words(bottom - top)
    long = _long(words)
    # Of an even number of rounds the middle has a mark, which the words would hide.
    middle = _middle(places)
    if len(rounds) % 2 == 0:
        middle = _middle(rounds[len(rounds) // 2 - 1])
    middle = min(max(middle, top + long / 2), bottom - long / 2)
    patch = f'fill="{PAPER}" fill-opacity="0.9"'
    turned = f'transform="rotate(-90 {number(x)} {number(middle)})"'
    yield f'<g class="repeat"><title>repeat: {stretch.of}</title>'
    yield f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.4"/>'
    # On a patch of paper in the middle of the line.
    yield f"<g {turned}>" + box(x - long / 2, middle - 7, long, 14, patch)
    style = f'fill="{FAINT}" text-anchor="middle" font-weight="600"'
    yield text(x, middle + 4, words, 11, style) + "</g></g>"


def _long(words: str) -> float:
    return CHARACTER * len(words) + 6


def _ends(places: Sequence[Place]) -> tuple[float, float]:
    """Top and bottom of what stands at these places."""
    top = min(place.y - place.height / 2 for place in places)
    return top, max(place.y + place.height / 2 for place in places)


def _middle(places: Sequence[Place]) -> float:
    return sum(_ends(places)) / 2


def _between(one: Sequence[Place], other: Sequence[Place]) -> float:
    """The height between two rounds, of which either may be above the other."""
    upper, lower = sorted((_ends(one), _ends(other)))
    return (upper[1] + lower[0]) / 2
