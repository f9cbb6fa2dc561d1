"""Several trainings in one picture: their losses and validations, and the tracks that they judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .figure import new_figure
from .palette import DATA
from .style import GRID, SOFT, TALLEST_SHARE, are_shares, cut

DASHES = ("-", "--", ":")  # runs beyond the colours have other dashes
LONGEST = 28  # characters of a name in a legend
SMOOTH = 15  # of a curve's points one is the mean of so many, where there are enough


def curves_of(
    metrics: Sequence[Sequence[Mapping[str, Any]]], names: Sequence[str]
) -> Figure:
    """The training losses on the left, the first figure that all validated on the right.

    Parameters
    ----------
    metrics : sequence
        The lines of metrics.jsonl of each run.
    names : sequence of str
        The runs, for the legend.

    Returns
    -------
    Figure
    """
    figure = new_figure(figsize=(10.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    shared = _shared_figure(metrics)
    values_shown: list[float] = []
    for number, (own, name) in enumerate(zip(metrics, names, strict=True)):
        label = cut(name, LONGEST)
        look: dict[str, Any] = {"color": colour_of(number), "label": label}
        look["linestyle"] = DASHES[number // len(DATA) % len(DASHES)]
        losses = [(m["step"], m["loss"]) for m in own if m.get("loss") is not None]
        if losses:
            steps, values = zip(*losses, strict=True)
            left.plot(steps, _smooth(values), lw=1.4, **look)
        found = [
            (m["step"], m["valid"][shared])
            for m in own
            if shared is not None and (m.get("valid") or {}).get(shared) is not None
        ]
        if found:
            steps, values = zip(*found, strict=True)
            right.plot(steps, values, marker="o", ms=3.5, **look)
            values_shown += values
    left.set(xlabel="step", ylabel="training loss")
    right.set(xlabel="step", ylabel=f"validation: {shared or 'none'}")
    # Shares have an axis from 0 to 1, and both pictures the steps of the longest training.
    if values_shown and are_shares(values_shown):
        right.set_ylim(0, TALLEST_SHARE)
    last = max((m["step"] for own in metrics for m in own), default=1)
    for axes in (left, right):
        axes.set_xlim(0, 1.02 * max(last, 1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID, linewidth=0.6)
        if axes.lines:
            legend = axes.legend(frameon=False, fontsize=9)
            for text in legend.get_texts():
                text.set_parse_math(False)
    return figure


def colour_of(number: int) -> str:
    """The colour of a run, the first again after the last."""
    return DATA[number % len(DATA)]


def _shared_figure(metrics: Sequence[Sequence[Mapping[str, Any]]]) -> str | None:
    """The first figure that every run has validated."""
    found: list[str] | None = None
    for own in metrics:
        valid: Mapping[str, float] = next(
            (m["valid"] for m in own if m.get("valid")), {}
        )
        if found is None:
            found = list(valid)
        else:
            found = [name for name in found if name in valid]
    return found[0] if found else None


def _smooth(values: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The means of neighbours: single batches hide which of two curves is lower."""
    numbers = np.asarray(values, np.float64)
    width = min(SMOOTH, len(numbers) // 4)
    if width < 2:
        return numbers
    # At the ends the mean is of those that are there.
    weights = np.ones(width)
    total = np.convolve(numbers, weights, mode="same")
    count = np.convolve(np.ones(len(numbers)), weights, mode="same")
    return np.asarray(total / count)


def scatter_of(
    tracks: Mapping[str, Sequence[float]], figure_name: str, names: Sequence[str]
) -> Figure:
    """The tracks of every later run against the first.

    Parameters
    ----------
    tracks : mapping
        The figure of each track, a value per run.
    figure_name : str
        What the values are.
    names : sequence of str
        The runs.

    Returns
    -------
    Figure
    """
    values = np.array(list(tracks.values()))
    count = len(names) - 1
    figure = new_figure(
        figsize=(min(10.5, 3.5 * count + 0.6), 3.6), layout="constrained"
    )
    low, high = float(values.min()), float(values.max())
    room = max(1e-3, 0.05 * (high - low))
    limits = (low - room, high + room)
    # Nothing is beyond 0 and 1 where figures are shares.
    if are_shares((low, high)):
        limits = (max(0.0, limits[0]), min(1.0, limits[1]))
    several = np.atleast_1d(figure.subplots(1, count))
    for index, axes in enumerate(several, 1):
        axes.plot(limits, limits, color=SOFT, lw=1)
        axes.scatter(
            values[:, 0],
            values[:, index],
            s=16,
            color=colour_of(index),
            alpha=0.8,
            clip_on=False,
        )
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"{cut(names[0], LONGEST)}: {figure_name}", parse_math=False)
        axes.set_ylabel(cut(names[index], LONGEST), parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
