"""Tags: scores over time, confusion of classes, curves of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .figure import new_figure
from .palette import BLUE, DATA, GREY, ON_DEEP
from .sound import spectrogram
from .spectrum import as_channels
from .style import (
    GRID,
    HIT,
    INK,
    MISS,
    SOFT,
    canvas,
    cut,
    shades,
    title_of,
)

Float = NDArray[Any]
MOST_LABELS = 30  # rows of a picture
PALE_LINE: dict[str, Any] = {"linewidth": 0.7, "color": GREY, "alpha": 0.5}
NUMBERED = 20  # classes up to which a confusion matrix shows its numbers


def tagogram(
    times_s: Float,
    scores: Float,
    labels: Sequence[str],
    given: Sequence[str],
    title: str,
    ax: Axes | None = None,
    *,
    length_s: float | None = None,
    note: str = "",
) -> Figure:
    """Scores of labels over time, a row per label, full of colour where it is probable.

    Of many labels those with the highest mean are shown.

    Parameters
    ----------
    times_s : ndarray, shape (P,)
        Times of the patches' middles in s.
    scores : ndarray, shape (P, K)
        The probability of each label in each patch.
    labels : sequence of str
        The K labels.
    given : sequence of str
        Those that the recording has: they are bold.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; by default a new figure is made.
    length_s : float, optional
        How long the recording is; by default until the last patch.
    note : str
        What stands below the title, such as what the model knows.

    Returns
    -------
    Figure
    """
    # By mean: a label that is probable throughout is worth a row more than one with a single peak.
    order = np.argsort(-scores.mean(axis=0), kind="stable")[:MOST_LABELS]
    figure, axes = canvas(ax, 10.5, 1.3 + 0.26 * len(order))
    if len(times_s) > 1:
        step_s = float(np.median(np.diff(times_s)))
    else:
        step_s = 1.0
    # The first and the last patch stand for the ends of the recording, which they reach.
    middles = times_s[:-1] + np.diff(times_s) / 2
    end_s = max(float(times_s[-1]) + step_s / 2, length_s or 0.0)
    edges_s = np.concatenate([[min(0.0, float(times_s[0]))], middles, [end_s]])
    rows = np.arange(len(order) + 1) - 0.5
    image = axes.pcolormesh(
        edges_s,
        rows,
        scores[:, order].T,
        cmap=shades(BLUE),
        vmin=0,
        vmax=1,
        rasterized=True,
    )
    axes.set(xlim=(edges_s[0], end_s), ylim=(len(order) - 0.5, -0.5))
    figure.colorbar(image, ax=axes, label="probability", pad=0.01)
    axes.set_yticks(
        range(len(order)),
        [cut(labels[k], 28) for k in order],
        fontsize=9,
        parse_math=False,
    )
    for tick, k in zip(axes.get_yticklabels(), order, strict=True):
        tick.set_color(INK)
        if labels[k] in given:
            tick.set_fontweight("bold")
            tick.set_color(HIT)
    axes.set(xlabel="time (s)")
    title_of(axes, title)
    if note:
        _note(axes, note)
    return figure


def sound_and_tags(
    samples: Any, sr_hz: float, tags: Mapping[str, Any], title: str, note: str = ""
) -> Figure:
    """The spectrogram of a recording, and below it the scores of labels over the same time.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        The recording.
    sr_hz : float
        Its sample rate in Hz.
    tags : mapping
        `times_s`, `scores`, `labels` and `given` of `tagogram`.
    title : str
        What stands above.
    note : str
        What stands beside it, such as what the model knows.

    Returns
    -------
    Figure
    """
    n_rows = min(len(tags["labels"]), MOST_LABELS)
    below_inches = 0.9 + 0.26 * n_rows
    figure = new_figure(figsize=(10.5, 2.6 + below_inches), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, below_inches))
    spectrogram(samples, sr_hz, title, ax=above)
    above.set_xlabel("")
    length_s = as_channels(samples).shape[1] / sr_hz
    tagogram(**tags, title="", ax=below, length_s=length_s)
    if note:
        _note(above, note)
    return figure


def _note(axes: Axes, note: str) -> None:
    words = cut(note, 90)
    axes.set_title(words, loc="right", fontsize=9, color=SOFT, parse_math=False)


def confusion(
    counts: NDArray[np.int64], labels: Sequence[str], ax: Axes | None = None
) -> Figure:
    """Which classes are taken for which.

    Parameters
    ----------
    counts : ndarray, shape (K, K)
        How often a true class, a row, was estimated as another one, a column.
    labels : sequence of str
        The K classes.
    ax : Axes, optional
        Where to draw; by default a new figure is made.

    Returns
    -------
    Figure
        Shades are shares of the true class.
    """
    size = 2.6 + 0.42 * len(labels)
    figure, axes = canvas(ax, size + 0.8, size)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=shades(HIT), vmin=0, vmax=1.1)
    if len(labels) <= NUMBERED:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = MISS
                if row == column:
                    colour = INK
                if shares[row, column] > 0.6:
                    colour = ON_DEEP
                axes.text(
                    column,
                    row,
                    str(count),
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=colour,
                )
    names = [cut(label, 20) for label in labels]
    axes.set_xticks(
        range(len(labels)), names, rotation=45, ha="right", fontsize=9, parse_math=False
    )
    axes.set_yticks(range(len(labels)), names, fontsize=9, parse_math=False)
    axes.set(xlabel="estimated", ylabel="true")
    return figure


def curves(
    scores: Float,
    truth: NDArray[np.bool_],
    labels: Sequence[str],
    areas: Mapping[str, Float],
) -> Figure:
    """ROC and precision-recall curves of (tracks, K); up to ten labels are named, the others pale."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure = new_figure(figsize=(10.5, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    # A label that every track has, or none, has no curve.
    known = [k for k in range(len(labels)) if not np.isnan(areas["roc_auc"][k])]
    named = sorted(known, key=lambda k: areas["pr_auc"][k])[
        : 10 if len(known) > 10 else len(known)
    ]
    for k in known:
        false, true, _ = roc_curve(truth[:, k], scores[:, k])
        precision, recall, _ = precision_recall_curve(truth[:, k], scores[:, k])
        style: dict[str, Any] = _line_style(named.index(k)) if k in named else PALE_LINE
        left.plot(
            false,
            true,
            label=_named(labels[k], areas["roc_auc"][k]) if k in named else None,
            **style,
        )
        right.plot(
            recall,
            precision,
            label=_named(labels[k], areas["pr_auc"][k]) if k in named else None,
            **style,
        )
    left.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle="--")
    _axes(left, "false positive rate", "true positive rate", "lower right")
    _axes(right, "recall", "precision", "lower left")
    return figure


def label_bars(
    figures: Mapping[str, Mapping[str, float]], counts: Sequence[int], title: str
) -> Figure:
    """Figures from 0 to 1 of each label, {label: {name: figure}}, with the number of recordings that have the label.

    Of many labels those with the lowest first figure are shown.
    """
    # The worst first: a reader looks for what to improve.
    by_label = dict(zip(figures, counts, strict=True))
    worst = sorted(figures, key=lambda label: next(iter(figures[label].values())))[
        :MOST_LABELS
    ]
    names = list(next(iter(figures.values())))
    figure = new_figure(figsize=(10.5, 1.3 + 0.36 * len(worst)), layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / len(names)
    for place, (name, colour) in enumerate(zip(names, (HIT, MISS), strict=False)):
        rows = np.arange(len(worst)) + (place - (len(names) - 1) / 2) * height
        values = [figures[label][name] for label in worst]
        bars = axes.barh(rows, values, height, color=colour, label=name)
        axes.bar_label(
            bars, [f"{value:.3f}" for value in values], padding=3, fontsize=8
        )
    labels = [f"{cut(label, 28)} ({by_label[label]})" for label in worst]
    axes.set_yticks(range(len(worst)), labels, fontsize=9, parse_math=False)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), xticks=np.linspace(0, 1, 6))
    axes.set(xlabel=f"{', '.join(names)} (0 to 1)")
    axes.set_title(cut(title, 80), loc="left", fontsize=11, color=INK, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        frameon=False,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08 - 0.6 / (0.3 * len(worst) + 1)),
        ncols=len(names),
    )
    return figure


def _line_style(number: int) -> dict[str, Any]:
    """A colour for each of the first labels; dashes for those that have a colour again."""
    dashes = "-" if number < len(DATA) else "--"
    return {"linewidth": 1.4, "color": DATA[number % len(DATA)], "linestyle": dashes}


def _named(label: str, area: float) -> str:
    return f"{cut(label, 20)} {area:.3f}"


def _axes(axes: Axes, x: str, y: str, place: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.6)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc=place)  # type: ignore[call-overload]
