"""A training over its steps, and its figures track by track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .style import FALSE_ALARM, GRID, HIT, INK, MISS, cut

WIDEST_SHARE = 1.5  # deviations of unit vectors pass 1 a little


def chosen(figures: Mapping[str, float], headline: Sequence[str]) -> list[str]:
    """Up to three figures to draw: those of `headline`, else the first."""
    return ([name for name in headline if name in figures] or list(figures))[:3]


def loss_curves(
    metrics: Sequence[Mapping[str, Any]], headline: Sequence[str] = ()
) -> Figure:
    """Training loss and up to three validation figures of `headline` over the steps, the best validation marked."""
    losses = [(m["step"], m["loss"]) for m in metrics if m.get("loss") is not None]
    valid = [(m["step"], m["valid"]) for m in metrics if m.get("valid")]
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    if losses:
        left.plot(*zip(*losses, strict=True), color=INK, linewidth=1.2)
    if losses and min(loss for _, loss in losses) > 0:
        left.set_yscale("log")
        left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        left.yaxis.set_minor_formatter(NullFormatter())
    if valid:
        _validations(right, valid, chosen(valid[0][1], headline))
    left.set(xlabel="step", ylabel="training loss")
    right.set(xlabel="step", ylabel="validation")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID, linewidth=0.6)
    return figure


def _validations(
    axes: Axes, valid: Sequence[tuple[int, Mapping[str, float]]], names: Sequence[str]
) -> None:
    """The first figure's best value is ringed. Larger is better.

    Figures that pass 1, such as a rank, have an axis of their own on the right beside those that do not.
    """
    steps = [step for step, _ in valid]
    best, step = max(
        ((figures[names[0]], step) for step, figures in valid), key=lambda pair: pair[0]
    )
    wide = {
        name
        for name in names
        if max(abs(figures[name]) for _, figures in valid) > WIDEST_SHARE
    }
    if wide and wide != set(names):
        other = axes.twinx()
    else:
        other = None
    lines = []
    for name, colour in zip(names, (HIT, FALSE_ALARM, MISS), strict=False):
        label = cut(name, 24) + (
            f" (best {best:.3f} at step {step})" if name == names[0] else ""
        )
        label += " (right)" if other and name in wide else ""
        values = [figures[name] for _, figures in valid]
        if other and name in wide:
            target = other
        else:
            target = axes
        lines += target.plot(
            steps,
            values,
            "o-",
            color=colour,
            label=label,
            markersize=3.5,
            linewidth=1.3,
        )
    if other and names[0] in wide:
        ringed = other
    else:
        ringed = axes
    ringed.plot(
        [step],
        [best],
        "o",
        markersize=10,
        markerfacecolor="none",
        color=HIT,
        markeredgewidth=1.5,
    )
    axes.axvline(step, color="#aaaaaa", linewidth=0.8, linestyle="--", zorder=0.5)
    if other:
        other.spines["top"].set_visible(False)
    labels = [str(line.get_label()) for line in lines]
    axes.legend(
        lines,
        labels,
        frameon=False,
        fontsize=8.5,
        ncols=3,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        columnspacing=1.2,
    )


def track_chart(
    tracks: Mapping[str, Mapping[str, float]], headline: Sequence[str] = ()
) -> Figure:
    """Up to three figures of `headline` of every track, the best on top."""
    names = chosen(next(iter(tracks.values()), {}), headline)
    if names:
        ranked = sorted(tracks, key=lambda key: tracks[key][names[0]])
    else:
        ranked = list(tracks)
    figure = Figure(figsize=(10.5, 0.9 + 0.32 * len(ranked)), layout="constrained")
    axes = figure.add_subplot()
    for y, key in enumerate(ranked):
        values = [tracks[key][name] for name in names]
        axes.plot(
            [min(values), max(values)], [y, y], color="#c9cfd5", linewidth=1.5, zorder=1
        )
    for name, colour, marker in zip(
        names, (HIT, FALSE_ALARM, MISS), "oD^", strict=False
    ):
        values = [tracks[key][name] for key in ranked]
        axes.scatter(
            values,
            range(len(ranked)),
            color=colour,
            marker=marker,
            s=34,
            label=cut(name, 24),
            zorder=2,
        )
    axes.set_yticks(
        range(len(ranked)),
        [cut(key, 40) for key in ranked],
        fontsize=9,
        parse_math=False,
    )
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if names and ranked:
        axes.legend(
            frameon=False,
            ncols=3,
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            fontsize=9,
        )
    return figure
