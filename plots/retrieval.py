"""Retrieval: how alike recordings are, what queries find, and an embedding beside what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from .style import GRID, HIT, INK, cut

NAMED = 100  # recordings up to which each row has its name
WHITE_FROM = 0.62  # of the shades from which on writing is white


@dataclass(frozen=True)
class Ranked:
    """A query, its average precision, and what was found: name, score, whether it is a version of the same work."""

    query: str
    precision: float
    results: Sequence[tuple[str, float, bool]]


def similarity(
    scores: NDArray[Any], works: Sequence[str], names: Sequence[str]
) -> Figure:
    """Scores (n, n), a row a query, in the order of the works; each work is framed."""
    n = len(works)
    shown = np.array(scores, np.float64)
    np.fill_diagonal(shown, np.nan)
    side = 4.2 + 0.075 * min(n, 120)
    figure = Figure(
        figsize=(side + (3.6 if n <= NAMED else 1.4), side + 0.4), layout="constrained"
    )
    axes = figure.add_subplot()
    if n > 1:
        low, high = np.nanpercentile(shown, [2, 99.7])
    else:
        low = 0.0
        high = 1.0
    axes.set_facecolor("#f3f4f6")
    image = axes.imshow(
        shown,
        cmap="Blues",
        vmin=low,
        vmax=max(high, low + 1e-6),
        interpolation="nearest",
        aspect="auto",
    )
    figure.colorbar(image, ax=axes, label="score", pad=0.015, shrink=0.5, aspect=30)
    first = 0
    for last in range(1, n + 1):
        if last == n or works[last] != works[first]:
            if last - first > 1:
                box = (first - 0.5, first - 0.5)
                axes.add_patch(
                    Rectangle(
                        box,
                        last - first,
                        last - first,
                        fill=False,
                        edgecolor=HIT,
                        linewidth=1.1,
                    )
                )
            first = last
    if n <= NAMED:
        size = 8 if n <= 40 else 5.5
        axes.set_yticks(
            range(n), [cut(name, 34) for name in names], fontsize=size, parse_math=False
        )
        axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set(xlabel="reference", ylabel="query")
    axes.spines[:].set_visible(False)
    return figure


def ranked(rows: Sequence[Ranked]) -> Figure:
    """A row a query: on the left what was asked, then what was found, best first; hits are green."""
    most = max(len(row.results) for row in rows)
    figure = Figure(
        figsize=(2.7 + 1.32 * most, 0.5 + 0.62 * len(rows)), layout="constrained"
    )
    axes = figure.add_subplot()
    for y, row in enumerate(rows):
        axes.text(
            -0.12,
            y,
            _lines(row.query, 22),
            ha="right",
            va="center",
            fontsize=8.5,
            color=INK,
            parse_math=False,
        )
        for x, (name, score, hit) in enumerate(row.results):
            colour = HIT if hit else "#eef0f2"
            axes.add_patch(
                Rectangle(
                    (x + 0.03, y - 0.44), 0.94, 0.88, facecolor=colour, linewidth=0
                )
            )
            if hit:
                ink = "white"
            else:
                ink = INK
            axes.text(
                x + 0.5,
                y - 0.1,
                _lines(name, 17),
                ha="center",
                va="center",
                fontsize=6.8,
                color=ink,
                parse_math=False,
            )
            axes.text(
                x + 0.5,
                y + 0.33,
                f"{score:.2f}",
                ha="center",
                va="center",
                fontsize=6.2,
                color=ink,
                alpha=0.8,
            )
        text = f"AP {row.precision:.2f}"
        axes.text(
            most + 0.08,
            y,
            text,
            ha="left",
            va="center",
            fontsize=8,
            color=INK,
            parse_math=False,
        )
    for x in range(most):
        axes.text(
            x + 0.5,
            -0.62,
            str(x + 1),
            ha="center",
            va="center",
            fontsize=7.5,
            color="#777777",
        )
    axes.set(xlim=(-2.0, most + 0.75), ylim=(len(rows) - 0.5, -0.8))
    axes.axis("off")
    return figure


def embedding(
    seen: NDArray[Any], vectors: NDArray[Any], hop_s: float, title: str
) -> Figure:
    """What the model saw (F, T), and below it the vectors (M, D) as stripes of their numbers."""
    figure = Figure(
        figsize=(10.5, 4.0 + 0.04 * min(len(vectors), 40)), layout="constrained"
    )
    above, below = figure.subplots(2, 1, height_ratios=[3, 1.1])
    end_s = seen.shape[1] * hop_s
    above.imshow(
        seen,
        aspect="auto",
        origin="lower",
        cmap="Greys",
        extent=(0, end_s, -0.5, len(seen) - 0.5),
    )
    above.set(xlabel="time (s)", ylabel="bin")
    above.set_title(
        cut(title, 60), loc="left", fontsize=11, color=INK, parse_math=False
    )
    most = float(np.abs(vectors).max()) or 1.0
    below.imshow(
        vectors,
        aspect="auto",
        cmap="PuOr",
        vmin=-most,
        vmax=most,
        interpolation="nearest",
    )
    below.set(xlabel=f"number of the embedding, 1 to {vectors.shape[1]}", yticks=[])
    below.set_ylabel("chunk" if len(vectors) > 1 else "embedding")
    for axes in (above, below):
        axes.spines[:].set_color(GRID)
    return figure


def _lines(words: str, width: int) -> str:
    """The words in two lines of at most `width` characters."""
    if len(words) <= width:
        return words
    place = words.rfind(" ", 0, width + 1)
    if not (place > 0):
        place = width
    return f"{words[:place].rstrip()}\n{cut(words[place:].strip(), width)}"
