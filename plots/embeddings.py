"""Embeddings: a map of recordings, their singular values, and one recording over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .palette import BLUE, DATA
from .style import GRID, HIT, INK, canvas, cut, shades, title_of

Float = NDArray[np.float64]
MARKERS = "os^D"  # labels beyond the colours have other marks
NAMED = 20  # labels up to which each has its colour and a line in the legend


def embedding_map(
    vectors: Float, labels: Sequence[str], ax: Axes | None = None
) -> Figure:
    """Recordings (N, D) on their two principal components, standardised before; a colour per label, "" for none."""
    figure, axes = canvas(ax, 8.4, 5.6)
    # Every number counts alike, whatever its spread.
    # Standardised, or the few features with large numbers would be the map.
    standard = (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9)
    left, values, _ = np.linalg.svd(standard, full_matrices=False)
    places = left[:, :2] * values[:2]
    share = np.square(values) / max(float(np.square(values).sum()), 1e-12)
    names = sorted(set(labels))
    if 1 < len(names) <= NAMED:
        shown = names
    else:
        shown = []
    for number, name in enumerate(shown or [""]):
        of = [k for k, label in enumerate(labels) if not shown or label == name]
        colour = DATA[number % len(DATA)] if shown else HIT
        axes.scatter(
            places[of, 0],
            places[of, 1],
            s=26,
            color=colour,
            marker=MARKERS[number // len(DATA) % len(MARKERS)],
            linewidth=0,
            alpha=0.85,
            label=cut(name, 30) or None,
        )
    axes.set(
        xlabel=f"first component, {share[0]:.0%} of the variance",
        ylabel=f"second component, {share[1]:.0%}",
    )
    if shown:
        axes.legend(
            loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9
        )
    _plain(axes)
    return figure


def singular_values(vectors: Float, ax: Axes | None = None) -> Figure:
    """Singular values of the centred unit vectors (N, D) over the largest, on a logarithmic axis."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    values = np.linalg.svd(unit - unit.mean(axis=0), compute_uv=False)
    # The effective rank of Roy & Vetterli: how many directions the embeddings use.
    share = values / max(float(values.sum()), 1e-12)
    # The effective rank: the exponential of the entropy of the shares.
    rank = float(np.exp(-(share * np.log(np.maximum(share, 1e-12))).sum()))
    figure, axes = canvas(ax, 8.4, 3.6)
    axes.plot(
        np.arange(1, len(values) + 1),
        np.maximum(values / max(values[0], 1e-12), 1e-6),
        color=HIT,
        linewidth=1.8,
    )
    axes.axvline(rank, color=INK, linewidth=0.9, linestyle=":")
    axes.annotate(
        f" effective rank {rank:.1f} of {len(values)}",
        (rank, 0.95),
        color=INK,
        fontsize=9,
        va="top",
    )
    axes.set(
        yscale="log",
        xlabel="number of the singular value",
        ylabel="share of the largest",
        xlim=(1, max(len(values), 2)),
    )
    _plain(axes)
    return figure


def over_time(
    times_s: Float, vectors: Float, title: str, ax: Axes | None = None
) -> Figure:
    """How alike the chunks (P, D) of one recording are: cosines of all pairs."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    figure, axes = canvas(ax, 5.8, 4.9)
    # A single chunk has no span; a millisecond keeps the picture from being empty.
    edges = (float(times_s[0]), float(max(times_s[-1], times_s[0] + 1e-3)))
    image = axes.imshow(
        unit @ unit.T,
        cmap=shades(BLUE),
        extent=(*edges, *edges),
        origin="lower",
        interpolation="nearest",
    )
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.8)
    axes.set(xlabel="time (s)", ylabel="time (s)")
    title_of(axes, title)
    axes.spines[:].set_visible(False)
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
