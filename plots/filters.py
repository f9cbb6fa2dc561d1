"""Filters that were learned from the waveform: their frequency responses, sorted, and where their bands lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from numpy.typing import NDArray

from .figure import new_figure
from .style import FALSE_ALARM, GRID, HIT, INK

Float = NDArray[Any]
BINS = 1024  # of a response, from 0 Hz to half the sampling rate
FLOOR_DB = -40.0  # under a filter's own peak
SHOWN = 5  # impulse responses


def filter_bank(
    taps: Float, sr_hz: float, bands_hz: tuple[Float, Float] | None = None
) -> Figure:
    """Filters (M, taps): responses in dB under each one's peak, in the order of their peaks; the peaks beside those of
    a mel scale over the same range; some impulse responses.

    bands_hz  lower and upper edge of each filter, two (M,), where the filters have such
    """
    hz, responses = responses_db(taps, sr_hz)
    if bands_hz is None:
        peaks_hz = hz[responses.argmax(axis=1)]
    else:
        peaks_hz = (bands_hz[0] + bands_hz[1]) / 2
    # Learned filters have no order of their own; by frequency their spacing shows.
    order = np.argsort(peaks_hz, kind="stable")
    figure = new_figure(figsize=(10.5, 6.4), layout="constrained")
    panels: Any = figure.subfigures(2, 1, height_ratios=(2.4, 1))
    above, below = panels
    left, right = above.subplots(1, 2, width_ratios=(3, 2))
    _responses(above, left, responses[order], sr_hz)
    if bands_hz is None:
        edges = None
    else:
        edges = (bands_hz[0][order], bands_hz[1][order])
    _centres(right, peaks_hz[order], edges)
    # Some from low to high, for all would be too small to read.
    shown = np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int)
    for axes, one in zip(
        below.subplots(1, len(shown), squeeze=False)[0], shown, strict=True
    ):
        axes.plot(
            np.arange(taps.shape[1]) / sr_hz * 1000,
            taps[order[one]],
            color=INK,
            linewidth=0.8,
        )
        axes.set_title(
            f"filter {one + 1}: {peaks_hz[order[one]]:.0f} Hz", fontsize=9, color=INK
        )
        axes.set(xlabel="time (ms)", yticks=[])
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def responses_db(taps: Float, sr_hz: float) -> tuple[Float, Float]:
    """Frequencies in Hz (BINS,) and the responses of filters (M, taps) at them in dB, each under its own peak."""
    # Padded to a fine grid, for a short filter has few bins of its own.
    magnitude = np.abs(np.fft.rfft(taps, max(2 * BINS, taps.shape[1])))[:, 1:]
    hz = np.linspace(0, sr_hz / 2, magnitude.shape[1] + 1)[1:]
    relative = magnitude / np.maximum(magnitude.max(axis=1, keepdims=True), 1e-12)
    return hz, np.maximum(20 * np.log10(np.maximum(relative, 1e-12)), FLOOR_DB)


def _responses(figure: FigureBase, axes: Axes, responses: Float, sr_hz: float) -> None:
    extent = (0.5, len(responses) + 0.5, 0.0, sr_hz / 2000)
    image = axes.imshow(
        responses.T,
        aspect="auto",
        origin="lower",
        extent=extent,
        cmap="magma",
        vmin=FLOOR_DB,
        vmax=0,
    )
    figure.colorbar(image, ax=axes, label="dB under the peak", pad=0.01)
    axes.set(xlabel="filter, by frequency", ylabel="frequency (kHz)")


def _centres(axes: Axes, peaks_hz: Float, edges_hz: tuple[Float, Float] | None) -> None:
    number = np.arange(1, len(peaks_hz) + 1)
    if edges_hz is not None:
        axes.fill_between(
            number,
            edges_hz[0] / 1000,
            edges_hz[1] / 1000,
            color=HIT,
            alpha=0.25,
            label="band",
            step="mid",
        )
    axes.plot(
        number,
        peaks_hz / 1000,
        color=HIT,
        linewidth=1.6,
        label="centre" if edges_hz else "peak",
    )
    axes.plot(
        number,
        _mel_spaced(peaks_hz) / 1000,
        "--",
        color=FALSE_ALARM,
        linewidth=1.2,
        label="mel scale",
    )
    axes.set(xlabel="filter, by frequency", ylabel="frequency (kHz)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _mel_spaced(peaks_hz: Float) -> Float:
    """As many frequencies with equal steps on the mel scale, over the same range (O'Shaughnessy 1987)."""
    lowest, highest = 2595 * np.log10(1 + peaks_hz[[0, -1]] / 700)
    mel = np.linspace(lowest, highest, len(peaks_hz))
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
