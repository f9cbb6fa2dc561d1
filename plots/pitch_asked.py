"""Pitches of generated notes: what was asked for, and what is heard."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .style import HIT, MISS, SOFT, canvas

QUARTER_TONE = 0.5  # semitones


def asked_and_heard(
    asked: ArrayLike, heard: ArrayLike, ax: Axes | None = None
) -> Figure:
    """A dot per note, green within a quarter tone.

    Parameters
    ----------
    asked, heard : array_like, shape (N,)
        MIDI numbers.
    ax : Axes, optional
        Where to draw; by default a new figure is made.
    """
    figure, axes = canvas(ax, 5.6, 5.6)
    wanted = np.asarray(asked, float)
    found = np.asarray(heard, float)
    ends = [wanted.min() - 1, wanted.max() + 1]
    axes.plot(ends, ends, color=SOFT, linewidth=0.8, zorder=0)
    right = np.abs(found - wanted) < QUARTER_TONE
    for mask, colour, label in (
        (right, HIT, f"within a quarter tone: {right.sum()}"),
        (~right, MISS, f"others: {(~right).sum()}"),
    ):
        axes.scatter(wanted[mask], found[mask], s=18, color=colour, label=label)
    axes.set(xlabel="pitch asked for (MIDI number)", ylabel="pitch heard (MIDI number)")
    axes.legend(frameon=False, fontsize=9)
    return figure
