"""A training over its steps, and its figures track by track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .figure import new_figure
from .style import (
    FALSE_ALARM,
    GRID,
    HIT,
    INK,
    MISS,
    SOFT,
    TALLEST_SHARE,
    are_shares,
    canvas,
    cut,
)

Steps = Sequence[tuple[int, Mapping[str, float]]]

MOST_FIGURES = 3  # in one picture
COLOURS = (HIT, FALSE_ALARM, MISS)
FEW = 5  # points of a line, which are marked
MARKERS = "oD^"
TALLEST = 1.08  # of an axis from 0 on, over the greatest value
UNITS = ("bps", "cents", "db", "hz", "s")  # at the ends of names
WIDEST_SHARE = 1.5  # deviations of unit vectors pass 1 a little


def chosen(figures: Mapping[str, float], headline: Sequence[str]) -> list[str]:
    """Up to three figures to draw: those of `headline`, else the first."""
    names = [name for name in headline if name in figures]
    if not names:
        names = list(figures)
    return names[:MOST_FIGURES]


def loss_curves(
    metrics: Sequence[Mapping[str, Any]], headline: Sequence[str] = ()
) -> Figure:
    """Training loss and validation figures over the steps, the best validation marked.

    Parameters
    ----------
    metrics : sequence of mapping
        The lines of a run's metrics.jsonl: `step`, and `loss` or `valid` or both.
    headline : sequence of str
        The validation figures to draw, up to three; by default the first ones.

    Returns
    -------
    Figure
        The loss on the left, on a logarithmic axis where it allows one, the validation on the right.
    """
    figure = new_figure(figsize=(10.5, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = [(m["step"], m["loss"]) for m in metrics if m.get("loss") is not None]
    if losses:
        _losses(left, losses)
    valid = [(m["step"], m["valid"]) for m in metrics if m.get("valid")]
    if valid:
        _validations(right, valid, chosen(valid[0][1], headline))
    left.set(xlabel="step", ylabel="training loss")
    right.set(xlabel="step", ylabel="validation")
    last = max((m["step"] for m in metrics), default=1)
    for axes in (left, right):
        # Both begin at step 0 and end with the training, however few points there are.
        axes.set_xlim(0, 1.02 * max(last, 1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID, linewidth=0.6)
    return figure


def _losses(axes: Axes, losses: Sequence[tuple[int, float]]) -> None:
    steps, values = zip(*losses, strict=True)
    # A line of one point is not seen.
    marker = "o" if len(steps) < FEW else None
    axes.plot(steps, values, color=INK, linewidth=1.2, marker=marker, markersize=3.5)
    # A loss that passes below 0, such as a log likelihood, has no logarithm.
    if min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _validations(axes: Axes, valid: Steps, names: Sequence[str]) -> None:
    """Figures over the steps; the best value of the first one is ringed. Larger is better.

    Figures that pass 1, such as a rank, have an axis of their own on the right beside those that do not.
    """
    first = names[0]
    step, best = _best(valid, first)
    places = _axes_of(axes, valid, names)
    lines = []
    for name, colour in zip(names, COLOURS, strict=False):
        label = cut(name, 24)
        if name == first:
            label += f" (best {best:.3f} at step {step})"
        if places[name] is not axes:
            label += " (right)"
        steps = [step for step, _ in valid]
        values = [figures[name] for _, figures in valid]
        lines += places[name].plot(
            steps,
            values,
            "o-",
            color=colour,
            label=label,
            markersize=3.5,
            linewidth=1.3,
        )
    for own in set(places.values()):
        shown = [name for name in names if places[name] is own]
        values = [figures[name] for _, figures in valid for name in shown]
        _honest(own, values)
    _ring(places[first], step, best)
    axes.axvline(step, color=SOFT, linewidth=0.8, linestyle="--", zorder=0.5)
    # Both axes share one legend, which neither would make of the other's lines.
    _legend_above(axes, handles=lines, fontsize=8.5, columnspacing=1.2)


def _honest(axes: Axes, values: Sequence[float]) -> None:
    """Shares have an axis from 0 to 1, and ranks begin at 0: a change of a thousandth must not look like one of a
    half.
    """
    if are_shares(values):
        axes.set_ylim(0, TALLEST_SHARE)
    elif min(values) >= 0:
        axes.set_ylim(0, TALLEST * max(values))


def _best(valid: Steps, name: str) -> tuple[int, float]:
    """The first step with the greatest value, and that value."""
    step, figures = max(valid, key=lambda pair: pair[1][name])
    return step, figures[name]


def _axes_of(axes: Axes, valid: Steps, names: Sequence[str]) -> dict[str, Axes]:
    """On which axes each figure is drawn: shares on the left, wider ones on the right, unless all are wide."""
    wide = set()
    for name in names:
        if max(abs(figures[name]) for _, figures in valid) > WIDEST_SHARE:
            wide.add(name)
    if not wide or wide == set(names):
        return dict.fromkeys(names, axes)
    other = axes.twinx()
    other.spines["top"].set_visible(False)
    return {name: other if name in wide else axes for name in names}


def _ring(axes: Axes, step: int, value: float) -> None:
    axes.plot(
        [step],
        [value],
        "o",
        markersize=10,
        markerfacecolor="none",
        color=HIT,
        markeredgewidth=1.5,
    )


def _legend_above(axes: Axes, **more: Any) -> None:
    """A legend in a row above the axes, at their right end."""
    axes.legend(
        frameon=False,
        ncols=MOST_FIGURES,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        **more,
    )


def _of_one_kind(
    names: Sequence[str], tracks: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Figures that one axis can hold, from the first on that differs between tracks: a rank would flatten a share, and
    bits per second are not dB.
    """
    if not names:
        return []
    kinds = {}
    differ = []
    for name in names:
        values = [own[name] for own in tracks.values()]
        kinds[name] = _kind(name, values)
        if max(values) > min(values):
            differ.append(name)
    first = (differ or names)[0]
    others = [name for name in names if name != first and kinds[name] == kinds[first]]
    return [first, *others]


def _kind(name: str, values: Sequence[float]) -> str:
    """What the values of a figure are: shares, or numbers in the unit that its name ends with."""
    if are_shares(values):
        return "share"
    unit = name.rpartition("_")[2]
    return unit if unit in UNITS else "number"


def track_chart(
    tracks: Mapping[str, Mapping[str, float]],
    headline: Sequence[str] = (),
    ax: Axes | None = None,
) -> Figure:
    """Figures of every track, the best track on top.

    Parameters
    ----------
    tracks : mapping of str to mapping
        For each track its figures.
    headline : sequence of str
        Those to draw, up to three; by default the first ones. Tracks are ordered by the first.
    ax : Axes, optional
        Where to draw; by default a new figure is made, as high as there are tracks.

    Returns
    -------
    Figure
    """
    names = _of_one_kind(chosen(next(iter(tracks.values()), {}), headline), tracks)
    ranked = list(tracks)
    if names:
        ranked.sort(key=lambda key: tracks[key][names[0]])
    figure, axes = canvas(ax, 10.5, 0.9 + 0.32 * len(ranked))
    # A line from a track's least figure to its greatest holds its marks together.
    for y, key in enumerate(ranked):
        values = [tracks[key][name] for name in names]
        ends = [min(values), max(values)]
        axes.plot(ends, [y, y], color=GRID, linewidth=1.5, zorder=1)
    rows = range(len(ranked))
    for name, colour, marker in zip(names, COLOURS, MARKERS, strict=False):
        values = [tracks[key][name] for key in ranked]
        label = cut(name, 24)
        axes.scatter(
            values, rows, color=colour, marker=marker, s=34, label=label, zorder=2
        )
    keys = [cut(key, 40) for key in ranked]
    axes.set_yticks(rows, keys, fontsize=9, parse_math=False)
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.set_xlabel(cut(", ".join(names), 80), parse_math=False)
    every = [tracks[key][name] for key in ranked for name in names]
    if are_shares(every):
        axes.set_xlim(-0.02, TALLEST_SHARE)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if names and ranked:
        _legend_above(axes, fontsize=9)
    return figure
