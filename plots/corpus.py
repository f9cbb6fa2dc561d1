"""A corpus at a glance: how long the recordings are, what is annotated, and how often each label occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .style import GRID, INK, TRUTH, cut

SIDES = {
    "train": "#33658a",
    "valid": "#e8a33d",
    "test": "#8c2f5f",
    "all": "#33658a",
}  # apart for colour-blind eyes too
FOLDS = (
    "#33658a",
    "#e8a33d",
    "#8c2f5f",
    "#5fa777",
    "#7a7f87",
    "#b5651d",
    "#4f9db5",
    "#c77fb0",
    "#a3a847",
    "#3d3d5c",
)
SOFT = "#5b6670"
MOST_BARS = 18
MOST_DIFFERENT = 200
PANELS = 2
IDENTIFIERS = ("filepath", "split", "fold", "stem_of")


def corpus_picture(
    about: Mapping[str, Any], durations_s: Mapping[str, Sequence[float]]
) -> Figure:
    """`about` is what `data.info.describe` gives; `durations_s` are the lengths of the recordings of each side."""
    labels = balanced_labels(about["annotations"])
    covered = {
        name: one for name, one in about["annotations"].items() if name != "filepath"
    }
    rows = max(
        [min(MOST_BARS, about["annotations"][name]["different"]) for name in labels],
        default=0,
    )
    if labels:
        low = 0.75 + 0.23 * max(rows, 5)
    else:
        low = 0.0
    figure = Figure(
        figsize=(12.0, 1.5 + max(2.8, 0.33 * len(covered) + 0.9) + low),
        layout="constrained",
    )
    heights = [0.75, max(2.8, 0.33 * len(covered) + 0.9), *([low] if labels else [])]
    head, *grids = np.ravel(
        np.asarray(figure.subfigures(len(heights), 1, height_ratios=heights))
    )
    _heading(head, about, list(durations_s))
    left, right = grids[0].subplots(1, 2, width_ratios=[1.0, 1.25])
    _durations(left, durations_s)
    _coverage(right, covered, about["recordings"])
    if labels:
        panels = np.atleast_1d(grids[1].subplots(1, len(labels)))
        for axes, name in zip(panels, labels, strict=True):
            _balance(axes, name, about["annotations"][name], list(durations_s))
            if axes.get_ylim()[0] > 0:  # bars of one thickness in all panels
                axes.set_ylim(max(rows, 5) - 0.4, -0.6)
    return figure


def balanced_labels(annotations: Mapping[str, Any]) -> list[str]:
    """The annotations whose balance is worth a picture: some different values that come again and again."""
    worth = [
        (-one["atoms"] / one["different"], name)
        for name, one in annotations.items()
        if name not in IDENTIFIERS and 2 <= one.get("different", 0) <= MOST_DIFFERENT
        and one["atoms"] >= 3 * one["different"] and one["extent"] != "marker"
    ]  # fmt: skip
    return [name for _, name in sorted(worth)[:PANELS]]


def colour(side: str, sides: Sequence[str]) -> str:
    return (
        SIDES.get(side)
        or FOLDS[list(sides).index(side) % len(FOLDS) if side in sides else 0]
    )


def _heading(figure: Any, about: Mapping[str, Any], sides: Sequence[str]) -> None:
    """The name, the key figures, and the colours of the sides."""
    figure.text(
        0.012,
        0.72,
        about["name"],
        fontsize=20,
        fontweight="bold",
        color=INK,
        va="center",
        parse_math=False,
    )
    rates = ", ".join(f"{hz / 1000:g} kHz" for hz in about["sample_rates_hz"])
    widths = ", ".join(f"{width} features a frame" for width in about["features"])
    parts = [
        f"{about['recordings']:,} recordings",
        f"{about['groups']:,} groups",
        in_words(about["duration_s"]),
    ]
    parts += [text for text in (rates, widths) if text]
    figure.text(
        0.012, 0.24, "   ·   ".join(parts), fontsize=11.5, color=SOFT, va="center"
    )
    if list(sides) == ["all"]:
        return
    figure.legend(
        handles=[
            Patch(color=colour(side, sides), label=f"fold {side}" if side.isdecimal() else side) for side in sides
        ],
        loc="center right", ncols=min(10, len(sides)), frameon=False, fontsize=10.5, handlelength=1.0, handleheight=1.0,
    )  # fmt: skip


def _durations(axes: Axes, durations_s: Mapping[str, Sequence[float]]) -> None:
    every = np.concatenate(
        [np.asarray(own, np.float64) for own in durations_s.values()]
    )
    _title(axes, "Durations")
    if not every.size:
        axes.text(
            0.5,
            0.5,
            "the file does not say when its frames are",
            ha="center",
            color=SOFT,
        )
        axes.set_axis_off()
        return
    if np.median(every) >= 120:
        scale = 60.0
        unit = "min"
    else:
        scale = 1.0
        unit = "s"
    low = every.min() / scale
    high = every.max() / scale
    if high - low < 1e-6 * high + 1e-9:  # all of one length
        low = low * 0.9
        high = high * 1.1
    edges = np.linspace(low, high, int(np.clip(2 * np.sqrt(every.size), 8, 40)) + 1)
    sides = list(durations_s)
    own = [np.asarray(durations_s[side], np.float64) / scale for side in sides]
    axes.hist(
        own,
        edges.tolist(),
        stacked=True,
        color=[colour(side, sides) for side in sides],
        rwidth=0.92,
    )
    axes.set(xlabel=f"length ({unit})", ylabel="recordings")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    _plain(axes, "y")


def _coverage(axes: Axes, annotations: Mapping[str, Any], recordings: int) -> None:
    """A bar for the recordings that have an annotation; the darker part of it is the time that it covers in them."""
    _title(axes, "Annotations: share of the recordings, darker: of their time")
    names = list(annotations)
    for row, name in enumerate(names):
        one = annotations[name]
        share = one["recordings"] / max(recordings, 1)
        axes.barh(row, share, 0.62, color=TRUTH)
        if "covered" in one:
            axes.barh(row, share * one["covered"], 0.62, color=SIDES["train"])
        if "covered" in one:
            time = f", {one['covered']:.0%} of the time"
        else:
            time = ""
        text = f"{one['recordings']:,} recordings, {one['atoms']:,} {one['extent']}{'s' * (one['atoms'] != 1)}{time}"
        text = text.replace("globals", "values").replace("global", "value")
        text = text.replace("breakpoints", "curves").replace("breakpoint", "curve")
        axes.text(1.02, row, text, va="center", fontsize=8.5, color=SOFT, clip_on=False)
    axes.set_yticks(
        range(len(names)),
        [cut(name, 22) for name in names],
        fontsize=9.5,
        parse_math=False,
    )
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    _plain(axes, "x")


def _balance(
    axes: Axes, name: str, annotation: Mapping[str, Any], sides: Sequence[str]
) -> None:
    """The values by side: minutes of segments, counts of others. Many numbers in order, else the largest first."""
    if annotation["extent"] == "segment":
        what = "duration_s"
        unit = 60.0
        name_of = "minutes"
    else:
        what = "count"
        unit = 1
        name_of = "times"
    amounts = {
        word: [one["sides"].get(side, {}).get(what, 0) / unit for side in sides]
        for word, one in annotation["values"].items()
    }
    if annotation["content"] == "numeric" and annotation["different"] > MOST_BARS:
        _title(axes, name)
        _columns(axes, amounts, sides, name_of)
        return
    largest = sorted(amounts, key=lambda word: -sum(amounts[word]))[:MOST_BARS]
    hidden = annotation["different"] - len(largest)
    _title(
        axes,
        name
        + (
            f": the {len(largest)} most frequent of {annotation['different']:,}"
            if hidden
            else ""
        ),
    )
    for row, word in enumerate(largest):
        ends = np.cumsum(amounts[word])
        for end, width, side in zip(ends, amounts[word], sides, strict=True):
            axes.barh(row, width, 0.72, left=end - width, color=colour(side, sides))
        if unit > 1 and ends[-1] < 100:
            text = f"{ends[-1]:,.1f}"
        else:
            text = f"{ends[-1]:,.0f}"
        axes.text(ends[-1], row, f" {text}", va="center", fontsize=8.5, color=SOFT)
    axes.set_yticks(
        range(len(largest)),
        [cut(word, 26) for word in largest],
        fontsize=9,
        parse_math=False,
    )
    axes.set(
        ylim=(len(largest) - 0.4, -0.6),
        xlabel=name_of,
        xlim=(0, 1.12 * sum(amounts[largest[0]])),
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=unit == 1))
    _plain(axes, "x")


def _columns(
    axes: Axes,
    amounts: Mapping[str, Sequence[float]],
    sides: Sequence[str],
    name_of: str,
) -> None:
    """Numbers, such as pitches, where they lie."""
    at = np.array([float(word) for word in amounts])
    steps = np.diff(np.sort(at))
    bottom = np.zeros(len(at))
    for side, heights in zip(sides, np.array(list(amounts.values())).T, strict=True):
        axes.bar(
            at,
            heights,
            0.86 * float(steps.min()),
            bottom=bottom,
            color=colour(side, sides),
        )
        bottom += heights
    axes.set(ylabel=name_of, xlabel="value")
    _plain(axes, "y")


def in_words(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} hours"
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.1f} s"


def _title(axes: Axes, text: str) -> None:
    axes.set_title(
        text, loc="left", fontsize=11.5, color=INK, fontweight="bold", parse_math=False
    )


def _plain(axes: Axes, grid: str) -> None:
    axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left" if grid == "x" else "bottom"]].set_visible(
        False
    )
    axes.spines[["bottom" if grid == "x" else "left"]].set_color(TRUTH)
    axes.tick_params(length=0, colors=SOFT)
    axes.xaxis.label.set_color(SOFT)
    axes.yaxis.label.set_color(SOFT)
