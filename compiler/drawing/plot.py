"""A small plot of y over x below a picture, one unit as long on both axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .layout import MARGIN, WIDTH
from .svg import AXES, EDGE, FAINT, FIELD, GRID, SKIP, box, number, text

Curve = tuple[tuple[float, float], ...]  # (x, y), x rising
LARGEST = 4.0  # |y| that is shown
LEAST = 0.5  # of y that is shown on both sides of 0
NUMBERS = 10  # their font size


@dataclass(frozen=True)
class _Frame:
    """What part of the plane is shown, and where."""

    left: float
    top: float
    first: float  # x
    last: float
    low: float  # y
    high: float

    @property
    def unit(self) -> float:
        return WIDTH / (self.last - self.first)

    @property
    def height(self) -> float:
        return (self.high - self.low) * self.unit

    def x(self, value: float) -> float:
        return self.left + (value - self.first) * self.unit

    def y(self, value: float) -> float:
        return self.top + (self.high - value) * self.unit

    def upright(self, value: float) -> str:
        """A line at an x, as a path."""
        ends = number(self.y(self.low)), number(self.y(self.high))
        return f"M{number(self.x(value))} {ends[0]}V{ends[1]}"

    def level(self, value: float) -> str:
        """A line at a y, as a path."""
        ends = number(self.x(self.first)), number(self.x(self.last))
        return f"M{ends[0]} {number(self.y(value))}H{ends[1]}"


def plot_height(curve: Curve) -> float:
    """With its margin; 0 for no curve."""
    if not curve:
        return 0.0
    return _frame(curve, 0, 0).height + MARGIN


def plot_svg(curve: Curve, left: float, top: float) -> Iterator[str]:
    """The plot, WIDTH wide: a grid of integers, the axes, the curve where it is within LARGEST."""
    if not curve:
        return
    frame = _frame(curve, left, top)
    paper = f'rx="6" fill="{FIELD}" stroke="{EDGE}"'
    yield f'<g class="curve"><title>y over x</title>{box(left, top, WIDTH, frame.height, paper)}'
    yield from _grid(frame)
    shown = [(x, y) for x, y in curve if frame.low <= y <= frame.high]
    points = " ".join(f"{number(frame.x(x))},{number(frame.y(y))}" for x, y in shown)
    yield f'<polyline points="{points}" fill="none" stroke="{SKIP}" stroke-width="2.2" stroke-linejoin="round"/>'
    yield from _numbers_on_x(frame, curve)
    yield from _numbers_on_y(frame, curve)
    yield "</g>"


def _frame(curve: Curve, left: float, top: float) -> _Frame:
    """All of x; from the lowest to the highest y that is shown, and half a unit around."""
    ys = [y for _, y in curve]
    low = max(min(ys), -LARGEST)
    high = min(max(ys), LARGEST)
    return _Frame(
        left=left,
        top=top,
        first=curve[0][0],
        last=curve[-1][0],
        low=min(low, -LEAST) - 0.5,
        high=max(high, LEAST) + 0.5,
    )


def _grid(frame: _Frame) -> Iterator[str]:
    """Lines at the integers, and above them the axes."""
    uprights = map(
        frame.upright, range(math.ceil(frame.first) + 1, math.ceil(frame.last))
    )
    levels = map(frame.level, _integers_on_y(frame))
    yield f'<path d="{"".join([*uprights, *levels])}" stroke="{GRID}" fill="none"/>'
    axes = frame.upright(0) + frame.level(0)
    yield f'<path d="{axes}" stroke="{AXES}" fill="none"/>'


def _integers_on_y(frame: _Frame) -> list[int]:
    """Those inside the frame."""
    integers = range(math.ceil(frame.low), math.floor(frame.high) + 1)
    return [value for value in integers if frame.low < value < frame.high]


def _numbers_on_x(frame: _Frame, curve: Curve) -> Iterator[str]:
    """The outermost integers, on the side of the axis where the curve is not."""
    style = f'fill="{FAINT}" text-anchor="middle"'
    for value in (math.ceil(frame.first) + 1, math.ceil(frame.last) - 1):
        nearest = min(curve, key=lambda point: abs(point[0] - value))
        drop = 13 if nearest[1] >= 0 else -5
        yield text(frame.x(value), frame.y(0) + drop, _signed(value), NUMBERS, style)


def _numbers_on_y(frame: _Frame, curve: Curve) -> Iterator[str]:
    """All integers but 0, left of the axis; right of it where the curve comes near."""
    for value in _integers_on_y(frame):
        if not value:
            continue
        met = any(-0.6 < x < 0 and abs(y - value) < 0.3 for x, y in curve)
        aside, anchor = (8, "start") if met else (-5, "end")
        style = f'fill="{FAINT}" text-anchor="{anchor}"'
        at = frame.y(value) + 3.5
        yield text(frame.x(0) + aside, at, _signed(value), NUMBERS, style)


def _signed(value: int) -> str:
    """With the sign of mathematics, which is as wide as a plus."""
    return f"{value}".replace("-", "−")
