"""Chords as a ribbon over time: a colour for each root around the circle of fifths, pale for minor, grey for none."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .figure import new_figure
from .palette import ON_PALE
from .style import INK, MISS, SOFT, canvas, cut, title_of

ROW_S = 90.0  # seconds of a row
NAMED_SHARE = 0.022  # share of a row from which on a chord has its name
# The circle of fifths, in which related chords are neighbours.
CIRCLE = ("C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F")
ROOTS_BY_NAME = {name: number * 7 % 12 for number, name in enumerate(CIRCLE)}
ROOTS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Labelled(Protocol):
    """Labels with their intervals in s, (M, 2)."""

    @property
    def intervals(self) -> NDArray[np.float64]: ...
    @property
    def labels(self) -> Sequence[str]: ...


def ribbons(
    estimate: Labelled, truth: Labelled | None, title: str, ax: Axes | None = None
) -> Figure:
    """Chords over time, the estimate under the truth where there is one; a legend has the colours of the roots.

    Parameters
    ----------
    estimate : Labelled
        What was found: `labels`, and their `intervals` (M, 2) in s.
    truth : Labelled, optional
        What is true.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw, in one row; by default a new figure is made, with rows of 90 s.

    Returns
    -------
    Figure
    """
    end_s = float(estimate.intervals.max())
    if truth is not None:
        end_s = max(end_s, float(truth.intervals.max()))
    if ax is not None:
        figure, axes = canvas(ax, 10.5, 2.0)
        _row(axes, estimate, truth, 0.0, end_s)
        axes.set_xlabel("time (s)", fontsize=9)
        title_of(axes, title)
        return figure
    n_rows = max(1, math.ceil(end_s / ROW_S))
    row_inches = 0.85
    if truth is not None:
        row_inches = 1.25
    figure = new_figure(figsize=(10.5, 1.4 + n_rows * row_inches), layout="constrained")
    # A short recording fills its only row; the rows of a long one are equally long.
    span_s = ROW_S
    if n_rows == 1:
        span_s = end_s
    rows = np.atleast_1d(figure.subplots(n_rows, 1))
    for row, axes in enumerate(rows):
        _row(axes, estimate, truth, row * ROW_S, span_s)
    rows[-1].set_xlabel("time (s)", fontsize=9)
    _legend(figure, estimate, truth)
    words = cut(title, 60)
    figure.suptitle(words, x=0.01, ha="left", fontsize=11, color=INK, parse_math=False)
    return figure


def _row(
    axes: Axes,
    estimate: Labelled,
    truth: Labelled | None,
    first_s: float,
    span_s: float,
) -> None:
    """What lies in `span_s` seconds from `first_s` on: the estimate, and above it the truth."""
    # The truth lies above: the eye goes from what should be down to what was found.
    lines = [("found", estimate)]
    if truth is not None:
        lines.append(("truth", truth))
    for y, (_, chords) in enumerate(lines):
        for interval_s, label in zip(chords.intervals, chords.labels, strict=True):
            # A chord that goes over the end of a row is drawn on both rows.
            begin_s = max(float(interval_s[0]), first_s)
            end_s = min(float(interval_s[1]), first_s + span_s)
            if end_s > begin_s:
                _chord(axes, y, begin_s, end_s, label, span_s)
    axes.set_yticks(range(len(lines)), [name for name, _ in lines], fontsize=8)
    axes.set(xlim=(first_s, first_s + span_s), ylim=(-0.5, len(lines) - 0.5))
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _chord(
    axes: Axes, y: int, begin_s: float, end_s: float, label: str, span_s: float
) -> None:
    """A bar in the chord's colour, with its name where it is wide enough."""
    width_s = end_s - begin_s
    axes.barh(
        y,
        width_s,
        left=begin_s,
        height=0.9,
        color=colour(label),
        linewidth=0.3,
        edgecolor=ON_PALE,
    )
    if width_s > NAMED_SHARE * span_s:
        axes.text(
            (begin_s + end_s) / 2,
            y,
            short(label),
            ha="center",
            va="center",
            fontsize=7,
            color=ON_PALE,
            clip_on=True,
        )


def _legend(figure: Figure, estimate: Labelled, truth: Labelled | None) -> None:
    """The circle of fifths: the colour of each root that occurs, and what pale and grey mean."""
    labels = [*estimate.labels, *(truth.labels if truth is not None else ())]
    # A root is named as it stands on the bars: G# there is not Ab here.
    spelt: dict[int | None, set[str]] = {}
    for label in labels:
        name = label.partition(":")[0].partition("/")[0]
        spelt.setdefault(_root(label), set()).add(name)
    handles = []
    for root in CIRCLE:
        names = spelt.get(ROOTS_BY_NAME[root])
        if names:
            words = ", ".join(sorted(names))
            handles.append(Patch(color=colour(f"{root}:maj"), label=words))
    for label, words in (("C:min", "paler: minor"), ("N", "no chord"), ("X", "other")):
        if label == "C:min" or label in labels:
            handles.append(Patch(color=colour(label), label=words))
    legend = figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=len(handles),
        frameon=False,
        fontsize=8,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=1.0,
        title="root of the chord",
        title_fontsize=8,
        alignment="left",
    )
    legend.get_title().set_color(SOFT)


def colour(label: str) -> Any:
    """Neighbours on the circle of fifths are alike; minor is paler; N is grey, X has a colour of its own."""
    if label == "N":
        return "#e3e6e9"
    root = _root(label)
    if root is None:
        if label == "X":
            return MISS
        return "#c9cfd5"
    # A step of seven semitones is one on the circle of fifths: related chords get neighbouring
    # hues.
    hue = root * 7 % 12 / 12
    if ":min" in label or ":dim" in label:
        return colorsys.hls_to_rgb(hue, 0.86, 0.45)
    return colorsys.hls_to_rgb(hue, 0.7, 0.6)


def short(label: str) -> str:
    """C for C:maj, Cm for C:min, C7 for C:7."""
    root, _, quality = label.partition(":")
    return root + {"maj": "", "min": "m"}.get(
        quality.partition("/")[0], quality.replace("min", "m").replace("maj", "M")
    )


def _root(label: str) -> int | None:
    letter = label[:1]
    rest = label[1:].partition(":")[0]
    if letter not in ROOTS:
        return None
    return (ROOTS[letter] + rest.count("#") - rest.count("b")) % 12
