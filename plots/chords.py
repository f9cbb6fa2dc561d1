"""Chords as a ribbon over time: a colour for each root around the circle of fifths, pale for minor, grey for none."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .style import INK, MISS, cut

# how much time an inch and a row hold
S_PER_INCH = 9.0
ROW_S = 90.0
ROOTS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Labelled(Protocol):
    """Labels with their intervals in s, (M, 2)."""

    @property
    def intervals(self) -> NDArray[np.float64]: ...
    @property
    def labels(self) -> Sequence[str]: ...


def ribbons(estimate: Labelled, truth: Labelled | None, title: str) -> Figure:
    """The estimate, under the truth where there is one, in rows of 90 s."""
    end_s = float(
        max(estimate.intervals.max(), truth.intervals.max() if truth else 0.0)
    )
    rows = max(1, int(np.ceil(end_s / ROW_S)))
    figure = Figure(
        figsize=(10.5, 0.7 + rows * (1.25 if truth else 0.85)), layout="constrained"
    )
    for row, axes in enumerate(np.atleast_1d(figure.subplots(rows, 1))):
        _row(
            axes,
            estimate,
            truth,
            row * ROW_S,
            min(end_s, ROW_S) if rows == 1 else ROW_S,
        )
    figure.suptitle(
        cut(title, 60), x=0.01, ha="left", fontsize=11, color=INK, parse_math=False
    )
    return figure


def _row(
    axes: Axes,
    estimate: Labelled,
    truth: Labelled | None,
    first_s: float,
    span_s: float,
) -> None:
    lines: list[tuple[str, Labelled]] = ([("truth", truth)] if truth else []) + [
        ("found", estimate)
    ]
    for y, (_, chords) in enumerate(reversed(lines)):
        for (begin_s, end_s), label in zip(
            chords.intervals, chords.labels, strict=True
        ):
            begin = max(begin_s, first_s)
            end = min(end_s, first_s + span_s)
            if end <= begin:
                continue
            axes.barh(
                y,
                end - begin,
                left=begin,
                height=0.9,
                color=colour(label),
                linewidth=0.4,
                edgecolor="white",
            )
            if end - begin > 0.022 * span_s:
                axes.text(
                    (begin + end) / 2,
                    y,
                    short(label),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=INK,
                    clip_on=True,
                )
    axes.set_yticks(
        range(len(lines)), [name for name, _ in reversed(lines)], fontsize=8
    )
    axes.set(xlim=(first_s, first_s + span_s), ylim=(-0.5, len(lines) - 0.5))
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def colour(label: str) -> Any:
    """Neighbours on the circle of fifths are alike; minor is paler; N is grey, X striped by its own colour."""
    if label == "N":
        return "#e3e6e9"
    root = _root(label)
    if root is None:
        return MISS if label == "X" else "#c9cfd5"
    minor = ":min" in label or ":dim" in label
    return colorsys.hls_to_rgb(
        root * 7 % 12 / 12, 0.86 if minor else 0.7, 0.45 if minor else 0.6
    )


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
