"""A sound as one looks at it: waveform and spectrogram."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1 import (  # type: ignore[import-untyped]  # a part of matplotlib without types
    make_axes_locatable,
)
from numpy.typing import NDArray

from .figure import new_figure
from .palette import BLUE
from .spectrum import as_channels, levels_db, on_log_rows
from .style import GRID, INK, canvas, title_of

Float = NDArray[Any]
Scale = Literal["log", "linear"]

COLUMNS = 1200  # of a waveform: each shows the lowest and the highest of its samples
LIMITS = (0.1, 0.2, 0.5, 1.0)  # of the axis of a waveform
DYNAMIC_RANGE_DB = 80.0  # under the loudest: what is quieter is black
LOWEST_HZ = 40.0  # of a log axis, which has no 0
ROWS = 320  # of a spectrogram with a log axis
OCTAVES_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
SMALL_INCHES = 3.5  # of height
SHARE = 0.28  # of the height of a spectrogram that a waveform above it takes


def waveform(
    samples: Any, sr_hz: float, title: str = "", ax: Axes | None = None
) -> Figure:
    """The samples over time.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        Within -1 … 1 as a rule; several channels are drawn over each other.
    sr_hz : float
        Their sample rate in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; by default a new figure is made.

    Returns
    -------
    Figure
    """
    figure, axes = canvas(ax, 8.0, 2.2)
    _wave(axes, samples, sr_hz)
    axes.set_xlabel("time (s)")
    title_of(axes, title)
    return figure


def spectrogram(
    samples: Any,
    sr_hz: float,
    title: str = "",
    ax: Axes | None = None,
    *,
    scale: Scale = "log",
) -> Figure:
    """The level of each frequency over time, in dB relative to a sine of full scale.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        The power of several channels is averaged.
    sr_hz : float
        Their sample rate in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; by default a new figure is made.
    scale : "log" or "linear"
        The frequency axis; a log one begins at 40 Hz.

    Returns
    -------
    Figure
    """
    figure, axes = canvas(ax, 8.0, 3.6)
    _spectrum(figure, axes, samples, sr_hz, scale)
    title_of(axes, title)
    return figure


def sound(
    samples: Any,
    sr_hz: float,
    title: str = "",
    ax: Axes | None = None,
    *,
    scale: Scale = "log",
) -> Figure:
    """The waveform, and below it the spectrogram over the same time.

    Parameters
    ----------
    samples : ndarray, shape (N,) or (C, N)
        The channels share both pictures.
    sr_hz : float
        Their sample rate in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        The axes of the spectrogram, which give the waveform the upper part of their place; by default a new figure
        is made.
    scale : "log" or "linear"
        The frequency axis.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import numpy as np
    >>> from mirbricks.plots.sound import sound
    >>> figure = sound(np.sin(np.arange(16000) * 0.2), 16000, "a tone")
    >>> [axes.get_ylabel() for axes in figure.axes][:2]
    ['amplitude', 'frequency (Hz)']
    """
    if ax is None:
        figure = new_figure(figsize=(8.0, 4.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(SHARE, 1.0))
    else:
        figure, below = canvas(ax, 8.0, 4.4)
        divider = make_axes_locatable(below)
        above = divider.append_axes("top", f"{100 * SHARE:g}%", pad=0.1, sharex=below)
    _wave(above, samples, sr_hz)
    above.tick_params(labelbottom=False)
    title_of(above, title)
    _spectrum(figure, below, samples, sr_hz, scale)
    return figure


def _wave(axes: Axes, samples: Any, sr_hz: float) -> None:
    channels = as_channels(samples)
    n_samples = channels.shape[1]
    length_s = n_samples / sr_hz
    if n_samples <= 2 * COLUMNS:
        times_s = np.arange(n_samples) / sr_hz
        axes.plot(times_s, channels.T, color=BLUE, linewidth=0.8)
    else:
        # Every sample lies within the band of its column: a click is seen however long the sound is.
        firsts = np.linspace(0, n_samples, COLUMNS, endpoint=False).astype(int)
        lowest = np.minimum.reduceat(channels.min(axis=0), firsts)
        highest = np.maximum.reduceat(channels.max(axis=0), firsts)
        axes.fill_between(firsts / sr_hz, lowest, highest, color=BLUE, linewidth=0)
    # One of few limits, so that sounds beside each other can be compared by eye.
    peak = float(np.abs(channels).max(initial=0.0))
    limit = next((one for one in LIMITS if peak <= one), 1.05 * peak)
    axes.set(xlim=(0.0, length_s or 1.0), ylim=(-limit, limit), ylabel="amplitude")
    axes.axhline(0.0, color=GRID, linewidth=0.6, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)


def _spectrum(
    figure: Figure, axes: Axes, samples: Any, sr_hz: float, scale: Scale
) -> None:
    levels, frequencies_hz, column_s = levels_db(samples, sr_hz)
    low_hz, high_hz = 0.0, float(frequencies_hz[-1])
    if scale == "log":
        low_hz = min(LOWEST_HZ, high_hz / 4)
        levels = on_log_rows(levels, frequencies_hz, low_hz, ROWS)
        bottom, top = np.log2(low_hz), np.log2(high_hz)
        ticks = [hz for hz in OCTAVES_HZ if low_hz <= hz <= high_hz]
        axes.set_yticks(np.log2(ticks), [short_hz(hz) for hz in ticks])
    else:
        bottom, top = low_hz, high_hz

    # Columns are centred on their times; what lies outside the sound is cut off by the axis.
    span_s = levels.shape[1] * column_s
    half_s = column_s / 2
    loudest = float(levels.max())
    image = axes.imshow(
        levels,
        aspect="auto",
        origin="lower",
        extent=(-half_s, span_s - half_s, float(bottom), float(top)),
        cmap="magma",
        vmin=loudest - DYNAMIC_RANGE_DB,
        vmax=loudest,
        interpolation="nearest",
    )
    length_s = as_channels(samples).shape[1] / sr_hz
    axes.set(xlim=(0.0, length_s or 1.0), ylim=(float(bottom), float(top)))
    axes.set(xlabel="time (s)", ylabel="frequency (Hz)")
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    # Beside a small spectrogram there is no room for more.
    words = "level (dB, full-scale sine = 0)"
    if figure.get_size_inches()[1] < SMALL_INCHES:
        words = "level (dB)"
    bar.set_label(words, fontsize=8, color=INK)


def short_hz(hz: int) -> str:
    """1000 as 1k: the axis says Hz."""
    if hz >= 1000:
        return f"{hz // 1000}k"
    return str(hz)
