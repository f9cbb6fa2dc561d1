"""A small plot of y over x below a picture, one unit as long on both axes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .layout import MARGIN, WIDTH
from .svg import FAINT, SKIP, box, number, text

Curve = tuple[tuple[float, float], ...]  # (x, y), x rising
LARGEST = 4.0  # |y| that is shown
LEAST = 0.5  # of y that is shown on both sides of 0


def plot_height(curve: Curve) -> float:
    """With its margin; 0 for no curve."""
    if not curve:
        return 0.0
    low, high = _range(curve)
    return (high - low) * _unit(curve) + MARGIN


def plot_svg(curve: Curve, left: float, top: float) -> Iterator[str]:
    """The plot, WIDTH wide: a grid of integers, the axes, the curve where it is within LARGEST."""
    if not curve:
        return
    (low, high), unit, first, last = (
        _range(curve),
        _unit(curve),
        curve[0][0],
        curve[-1][0],
    )

    def x(value: float) -> str:
        return number(left + (value - first) * unit)

    def y(value: float) -> str:
        return number(top + (high - value) * unit)

    frame = 'rx="6" fill="#fafbfc" stroke="#d5dbe1"'
    yield f'<g class="curve"><title>y over x</title>{box(left, top, WIDTH, (high - low) * unit, frame)}'
    inner = [
        *(
            f"M{x(i)} {y(low)}V{y(high)}"
            for i in range(math.ceil(first) + 1, math.ceil(last))
        )
    ]
    inner += [
        f"M{x(first)} {y(i)}H{x(last)}"
        for i in range(math.ceil(low), math.floor(high) + 1)
        if low < i < high
    ]
    yield f'<path d="{"".join(inner)}" stroke="#e6eaee" fill="none"/>'
    yield f'<path d="M{x(0)} {y(low)}V{y(high)}M{x(first)} {y(0)}H{x(last)}" stroke="#aab3bb" fill="none"/>'
    shown = [(a, b) for a, b in curve if low <= b <= high]
    points = " ".join(f"{x(a)},{y(b)}" for a, b in shown)
    yield f'<polyline points="{points}" fill="none" stroke="{SKIP}" stroke-width="2.2" stroke-linejoin="round"/>'
    for value in (
        math.ceil(first) + 1,
        math.ceil(last) - 1,
    ):  # beside the axis, where the curve is not
        below = min(curve, key=lambda point: abs(point[0] - value))[1] >= 0
        middle = f'fill="{FAINT}" text-anchor="middle"'
        yield text(
            float(x(value)),
            float(y(0)) + (13 if below else -5),
            _sign(value),
            10,
            middle,
        )
    for value in (
        v for v in range(math.ceil(low), math.floor(high) + 1) if v and low < v < high
    ):
        met = any(-0.6 < a < 0 and abs(b - value) < 0.3 for a, b in curve)
        side = f'fill="{FAINT}" text-anchor="{"start" if met else "end"}"'
        yield text(
            float(x(0)) + (8 if met else -5),
            float(y(value)) + 3.5,
            _sign(value),
            10,
            side,
        )
    yield "</g>"


def _sign(value: int) -> str:
    return f"{value}".replace("-", "−")


def _range(curve: Curve) -> tuple[float, float]:
    """From the lowest to the highest y that is shown, and half a unit around."""
    ys = [y for _, y in curve]
    low = max(min(ys), -LARGEST)
    high = min(max(ys), LARGEST)
    return min(low, -LEAST) - 0.5, max(high, LEAST) + 0.5


def _unit(curve: Curve) -> float:
    return WIDTH / (curve[-1][0] - curve[0][0])
