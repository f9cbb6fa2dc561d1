"""Retrieval: how alike recordings are, what queries find, and an embedding beside what it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mpl_toolkits.axes_grid1 import (  # type: ignore[import-untyped]  # a part of matplotlib without types
    make_axes_locatable,
)
from numpy.typing import NDArray

from .figure import new_figure
from .palette import BLUE, GREY, ON_DEEP
from .style import (
    GRID,
    HIT,
    INK,
    NOTE_NAMES,
    SOFT,
    canvas,
    cut,
    shades,
    title_of,
    two_sided,
)

NAMED = 100  # recordings up to which each row has its name
LARGE_NAMES = 40  # recordings up to which the names are large
# Rows of a picture of pitch classes: an octave, or one with its classes repeated above as far as the next C.
OCTAVES = (12, 23)


@dataclass(frozen=True)
class Ranked:
    """A query, its average precision, and what was found: name, score, whether it is a version of the same work."""

    query: str
    precision: float
    results: Sequence[tuple[str, float, bool]]


def similarity(
    scores: NDArray[Any],
    works: Sequence[str],
    names: Sequence[str],
    ax: Axes | None = None,
) -> Figure:
    """How alike recordings are, as a square of shades in which each work is framed.

    Parameters
    ----------
    scores : ndarray, shape (n, n)
        A row per query, a column per reference, both in the order of the works.
    works : sequence of str
        The work of each recording.
    names : sequence of str
        What each recording is called.
    ax : Axes, optional
        Where to draw; by default a new figure is made.

    Returns
    -------
    Figure
    """
    n = len(works)
    side = 4.2 + 0.075 * min(n, 120)
    margin = 1.4
    if n <= NAMED:
        margin = 3.6
    figure, axes = canvas(ax, side + margin, side + 0.4)
    # A recording is as like itself as can be: the diagonal would only use up the shades.
    shown = np.array(scores, np.float64)
    np.fill_diagonal(shown, np.nan)
    low, high = _shades(shown)
    image = axes.imshow(
        shown,
        cmap=shades(BLUE),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="auto",
    )
    figure.colorbar(image, ax=axes, label="score", pad=0.015, shrink=0.5, aspect=30)
    for first, last in _runs(works):
        _frame(axes, first, last - first)
    if n <= NAMED:
        _name_rows(axes, names)
    axes.tick_params(length=0)
    axes.set(xlabel="reference", ylabel="query")
    axes.spines[:].set_visible(False)
    return figure


def _shades(shown: NDArray[np.float64]) -> tuple[float, float]:
    """The scores that are white and darkest; a few extreme ones do not decide."""
    if len(shown) < 2:
        return 0.0, 1.0
    low, high = np.nanpercentile(shown, [2, 99.7])
    return float(low), float(max(high, low + 1e-6))


def _runs(works: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each work with several recordings begins and ends."""
    first = 0
    for last in range(1, len(works) + 1):
        if last < len(works) and works[last] == works[first]:
            continue
        if last - first > 1:
            yield first, last
        first = last


def _frame(axes: Axes, first: int, size: int) -> None:
    corner = (first - 0.5, first - 0.5)
    box = Rectangle(corner, size, size, fill=False, edgecolor=HIT, linewidth=1.1)
    axes.add_patch(box)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    size = 5.5
    if len(names) <= LARGE_NAMES:
        size = 8
    short = [cut(name, 34) for name in names]
    axes.set_yticks(range(len(names)), short, fontsize=size, parse_math=False)
    axes.set_xticks([])


def ranked(rows: Sequence[Ranked], ax: Axes | None = None) -> Figure:
    """What queries find: a row per query, the best result first; versions of the same work are green.

    Parameters
    ----------
    rows : sequence of Ranked
        The queries with their results.
    ax : Axes, optional
        Where to draw; by default a new figure is made.

    Returns
    -------
    Figure
    """
    most = max(len(row.results) for row in rows)
    figure, axes = canvas(ax, 2.7 + 1.32 * most, 0.5 + 0.62 * len(rows))
    for y, row in enumerate(rows):
        query = _lines(row.query, 22)
        _write(axes, -0.12, y, query, fontsize=8.5, ha="right")
        for x, (name, score, hit) in enumerate(row.results):
            _result(axes, x, y, name, score, hit)
        precision = f"AP {row.precision:.2f}"
        _write(axes, most + 0.08, y, precision, fontsize=8, ha="left")
    for x in range(most):
        _write(axes, x + 0.5, -0.62, str(x + 1), fontsize=7.5, color=SOFT)
    axes.set(xlim=(-2.0, most + 0.75), ylim=(len(rows) - 0.5, -0.8))
    axes.axis("off")
    return figure


def _result(axes: Axes, x: int, y: int, name: str, score: float, hit: bool) -> None:
    """A box with the name and the score of what was found."""
    colour = GRID
    ink = INK
    if hit:
        colour = HIT
        ink = ON_DEEP
    corner = (x + 0.03, y - 0.44)
    axes.add_patch(Rectangle(corner, 0.94, 0.88, facecolor=colour, linewidth=0))
    _write(axes, x + 0.5, y - 0.1, _lines(name, 17), fontsize=6.8, color=ink)
    _write(axes, x + 0.5, y + 0.33, f"{score:.2f}", fontsize=6.2, color=ink, alpha=0.8)


def _write(
    axes: Axes,
    x: float,
    y: float,
    words: str,
    *,
    fontsize: float,
    ha: str = "center",
    color: str = INK,
    alpha: float = 1.0,
) -> None:
    """Words as they are: `$` begins no formula."""
    axes.text(
        x,
        y,
        words,
        ha=ha,
        va="center",
        fontsize=fontsize,
        color=color,
        alpha=alpha,
        parse_math=False,
    )


def embedding(
    seen: NDArray[Any],
    vectors: NDArray[Any],
    hop_s: float | None,
    title: str,
    ax: Axes | None = None,
    *,
    pitch_classes: bool = False,
) -> Figure:
    """What a model saw of a recording, and below it the embedding as stripes.

    Parameters
    ----------
    seen : ndarray, shape (F, T)
        The frames that the model read.
    vectors : ndarray, shape (M, D)
        The embedding: a vector, or one per chunk.
    hop_s : float or None
        Seconds from one frame to the next; None where frames come at other times, such as beats.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; its lower part holds the stripes. By default a new figure is made.
    pitch_classes : bool
        Whether the rows are pitch classes from C on, which then have their names.

    Returns
    -------
    Figure
    """
    figure, above, below = _two_axes(ax, 4.0 + 0.04 * min(len(vectors), 40))
    _seen(above, seen, hop_s)
    if pitch_classes and len(seen) in OCTAVES:
        rows = range(len(seen))
        names = [NOTE_NAMES[row % 12] for row in rows]
        above.set_yticks(rows, names, fontsize=7)
        above.set(ylabel="pitch class")
    title_of(above, title)
    _stripes(below, vectors)
    for axes in (above, below):
        axes.spines[:].set_color(GRID)
    return figure


def _two_axes(ax: Axes | None, height: float) -> tuple[Figure, Axes, Axes]:
    """One above the other, in a new figure of this height or in the place of the caller's axes."""
    if ax is None:
        figure = new_figure(figsize=(10.5, height), layout="constrained")
        above, below = figure.subplots(2, 1, height_ratios=[3, 1.1])
        return figure, above, below
    figure, above = canvas(ax, 10.5, height)
    below = make_axes_locatable(above).append_axes("bottom", size="35%", pad=0.6)
    return figure, above, below


def _seen(axes: Axes, seen: NDArray[Any], hop_s: float | None) -> None:
    n_frames = seen.shape[1]
    end = float(n_frames)
    label = "frame (a beat, or what the feature takes for one)"
    if hop_s is not None:
        end = n_frames * hop_s
        label = "time (s)"
    extent = (0.0, end, -0.5, len(seen) - 0.5)
    axes.imshow(seen, aspect="auto", origin="lower", cmap=shades(GREY), extent=extent)
    axes.set(xlabel=label, ylabel="bin of the feature")


def _stripes(axes: Axes, vectors: NDArray[Any]) -> None:
    """Numbers as colours, 0 white."""
    most = float(np.abs(vectors).max()) or 1.0
    axes.imshow(
        vectors,
        aspect="auto",
        cmap=two_sided(),
        vmin=-most,
        vmax=most,
        interpolation="nearest",
    )
    axes.set(xlabel=f"number of the embedding, 1 to {vectors.shape[1]}", yticks=[])
    label = "embedding"
    if len(vectors) > 1:
        label = "chunk"
    axes.set_ylabel(label)


def _lines(words: str, width: int) -> str:
    """The words in two lines of at most `width` characters."""
    if len(words) <= width:
        return words
    place = words.rfind(" ", 0, width + 1)
    # A word longer than a line is broken in two.
    if place <= 0:
        place = width
    return f"{words[:place].rstrip()}\n{cut(words[place:].strip(), width)}"
