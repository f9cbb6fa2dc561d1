"""What was separated, as one looks at it: spectrograms above each other, and the masks that would make them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .figure import new_figure
from .sound import LOWEST_HZ, OCTAVES_HZ, ROWS, short_hz, spectrogram
from .spectrum import levels_db, on_log_rows
from .style import INK, canvas, title_of

HEIGHT = 2.2  # inches of a spectrogram
FLOOR_DB = -60.0  # under the loudest of all: where the mix is silent, no mask is drawn


def spectrograms(
    waves: Mapping[str, Any], sr_hz: int, title: str = "", ax: Axes | None = None
) -> Figure:
    """The spectrogram of each sound, one above another.

    Parameters
    ----------
    waves : mapping of str to ndarray, shape (C, N)
        Sounds by name.
    sr_hz : int
        Their sample rate in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw the first of them alone; by default a new figure is made with all.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.plots.separation import spectrograms
    >>> wave = np.sin(np.arange(8000) * 0.2)[None]
    >>> figure = spectrograms({"violin": wave, "bassoon": wave}, 8000, "duo")
    >>> [axes.get_title(loc="left") for axes in figure.axes][:2]
    ['violin', 'bassoon']
    """
    if ax is not None:
        name, wave = next(iter(waves.items()))
        return spectrogram(wave, sr_hz, f"{title}: {name}" if title else name, ax=ax)
    figure = new_figure(figsize=(8.0, HEIGHT * len(waves) + 0.3), layout="constrained")
    axes = figure.subplots(len(waves), 1, squeeze=False, sharex=True)[:, 0]
    for one, (name, wave) in zip(axes, waves.items(), strict=True):
        spectrogram(wave, sr_hz, name, ax=one)
        one.label_outer()
    if title:
        figure.suptitle(title, parse_math=False)
    return figure


def mask(
    estimate: Any, mix: Any, sr_hz: int, title: str = "", ax: Axes | None = None
) -> Figure:
    """The share of the mix's magnitude that an estimate has in every bin: 0 is black, 1 and more is white.

    Parameters
    ----------
    estimate, mix : ndarray, shape (C, N)
        Sounds of one length.
    sr_hz : int
        Their sample rate in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; by default a new figure is made.

    Returns
    -------
    Figure
    """
    figure, axes = canvas(ax, 8.0, HEIGHT)
    ours, frequencies_hz, column_s = levels_db(estimate, sr_hz)
    whole, _, _ = levels_db(mix, sr_hz)

    # The axes of the spectrograms that it stands beside.
    high_hz = float(frequencies_hz[-1])
    low_hz = min(LOWEST_HZ, high_hz / 4)
    ours, whole = (
        on_log_rows(levels, frequencies_hz, low_hz, ROWS) for levels in (ours, whole)
    )
    bottom, top = float(np.log2(low_hz)), float(np.log2(high_hz))
    ticks = [hz for hz in OCTAVES_HZ if low_hz <= hz <= high_hz]
    axes.set_yticks(np.log2(ticks), [short_hz(hz) for hz in ticks])

    shares = masks_of(ours, whole)
    image = axes.imshow(
        shares,
        aspect="auto",
        origin="lower",
        extent=(0.0, shares.shape[1] * column_s, bottom, top),
        cmap="gray",
        vmin=0.0,
        vmax=1.0,
        interpolation="nearest",
    )
    axes.set(xlabel="time (s)", ylabel="frequency (Hz)")
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label("share of the mix", fontsize=8, color=INK)
    title_of(axes, title)
    return figure


def masks_of(estimate_db: Any, mix_db: Any) -> NDArray[np.float64]:
    """Shares of the magnitude from two levels; 0 where the mix is silent."""
    shares = 10.0 ** ((np.asarray(estimate_db) - np.asarray(mix_db)) / 20)
    sounding = mix_db > np.max(mix_db) + FLOOR_DB
    return np.where(sounding, shares, 0.0)
