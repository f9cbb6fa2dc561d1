"""A corpus at a glance: how long the recordings are, what is annotated, and how often each label occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .figure import new_figure
from .palette import BLUE, DATA, ORANGE, PURPLE
from .style import GRID, INK, SOFT, cut

SIDES = {"train": BLUE, "valid": ORANGE, "test": PURPLE, "all": BLUE}
# Ten folds are common: the colours of data, then darker ones of the same.
FOLDS = (*DATA, "#155f8f", "#8f3f08", "#5f3280", "#0f6336")
MOST_BARS = 18
LEAST_BARS = 5  # that a panel has room for
MOST_DIFFERENT = 200
PANELS = 2
IDENTIFIERS = ("filepath", "split", "fold", "stem_of")


def corpus_picture(
    about: Mapping[str, Any], durations_s: Mapping[str, Sequence[float]]
) -> Figure:
    """A corpus at a glance.

    Parameters
    ----------
    about : mapping
        What `data.info.describe` gives.
    durations_s : mapping of str to sequence of float
        The lengths in s of the recordings of each side, such as "train"; "all" where there are no sides.

    Returns
    -------
    Figure
        The key figures on top; below them how long the recordings are and what is annotated; then the labels.
    """
    annotations = about["annotations"]
    labels = balanced_labels(annotations)
    covered = {name: one for name, one in annotations.items() if name != "filepath"}
    # Each part is as high as its bars need.
    n_bars = [min(MOST_BARS, annotations[name]["different"]) for name in labels]
    n_rows = max([LEAST_BARS, *n_bars])
    heights = [0.75, max(2.8, 0.33 * len(covered) + 0.9)]
    if labels:
        heights.append(0.75 + 0.23 * n_rows)
    figure = new_figure(figsize=(12.0, 0.75 + sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights)
    head, middle, *low = np.ravel(np.asarray(parts))
    _heading(head, about, list(durations_s))
    left, right = middle.subplots(1, 2, width_ratios=[1.0, 1.25])
    _durations(left, durations_s)
    _coverage(right, covered, about["recordings"])
    if low:
        panels = np.atleast_1d(low[0].subplots(1, len(labels)))
        for axes, name in zip(panels, labels, strict=True):
            _balance(axes, name, annotations[name], list(durations_s))
            # Rows grow downwards; they are given one thickness in all panels.
            if axes.get_ylim()[0] > 0:
                axes.set_ylim(n_rows - 0.4, -0.6)
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
    """That of train, valid and test, which are the same in every picture; folds take the others in turn."""
    if side in SIDES:
        return SIDES[side]
    number = 0
    if side in sides:
        number = list(sides).index(side)
    return FOLDS[number % len(FOLDS)]


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
    widths = ", ".join(f"{width} features per frame" for width in about["features"])
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
    scale = 1.0
    unit = "s"
    if np.median(every) >= 120:
        scale = 60.0
        unit = "min"
    low = every.min() / scale
    high = every.max() / scale
    # Recordings of one length would all lie on the edge of a bar without a width.
    if high - low < 1e-6 * high + 1e-9:
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
        axes.barh(row, share, 0.62, color=GRID)
        text = f"{one['recordings']:,} recordings, {_counted(one)}"
        if "covered" in one:
            axes.barh(row, share * one["covered"], 0.62, color=SIDES["train"])
            text += f", {one['covered']:.0%} of the time"
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


def _counted(annotation: Mapping[str, Any]) -> str:
    """How many atoms there are, in a word that users know: `3 curves`, `1 value`."""
    extent = annotation["extent"]
    word = {"global": "value", "breakpoint": "curve"}.get(extent, extent)
    if annotation["atoms"] != 1:
        word += "s"
    return f"{annotation['atoms']:,} {word}"


def _balance(
    axes: Axes, name: str, annotation: Mapping[str, Any], sides: Sequence[str]
) -> None:
    """The values by side: minutes of segments, counts of others. Many numbers in order, else the largest first."""
    what = "count"
    unit = 1
    name_of = "times"
    if annotation["extent"] == "segment":
        what = "duration_s"
        unit = 60
        name_of = "minutes"
    amounts = {}
    for word, one in annotation["values"].items():
        of_sides = [one["sides"].get(side, {}) for side in sides]
        amounts[word] = [of_side.get(what, 0) / unit for of_side in of_sides]
    if annotation["content"] == "numeric" and annotation["different"] > MOST_BARS:
        _title(axes, name)
        _columns(axes, amounts, sides, name_of)
        return
    largest = sorted(amounts, key=lambda word: -sum(amounts[word]))[:MOST_BARS]
    title = name
    if annotation["different"] > len(largest):
        title += f": the {len(largest)} most frequent of {annotation['different']:,}"
    _title(axes, title)
    for row, word in enumerate(largest):
        _stacked_bar(axes, row, amounts[word], sides, in_minutes=unit > 1)
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


def _stacked_bar(
    axes: Axes,
    row: int,
    widths: Sequence[float],
    sides: Sequence[str],
    *,
    in_minutes: bool,
) -> None:
    """A bar of a part per side, with its length beside it."""
    ends = np.cumsum(widths)
    for end, width, side in zip(ends, widths, sides, strict=True):
        axes.barh(row, width, 0.72, left=end - width, color=colour(side, sides))
    text = f"{ends[-1]:,.0f}"
    # A few minutes are worth a decimal; counts are whole.
    if in_minutes and ends[-1] < 100:
        text = f"{ends[-1]:,.1f}"
    axes.text(ends[-1], row, f" {text}", va="center", fontsize=8.5, color=SOFT)


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


def _plain(axes: Axes, grid: Literal["x", "y"]) -> None:
    """Few lines: a grid along one axis, and no frame but the line that bars stand on."""
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    hidden, kept = "bottom", "left"
    if grid == "x":
        hidden, kept = "left", "bottom"
    axes.spines[["top", "right", hidden]].set_visible(False)
    axes.spines[kept].set_color(GRID)
    axes.tick_params(length=0, colors=SOFT)
    axes.xaxis.label.set_color(SOFT)
    axes.yaxis.label.set_color(SOFT)
