"""Pitches over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import PcolorImage
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from ..midi_numbers import midi_of
from .palette import GREY
from .style import (
    FALSE_ALARM,
    GRID,
    HIT,
    MISS,
    NOTE_NAMES,
    PALE,
    TRUTH,
    canvas,
    shades,
    title_of,
)

Float = NDArray[Any]
Frames = tuple[Float, Sequence[Float]]

BLACK_KEYS = (1, 3, 6, 8, 10)
HALF_SEMITONE = 0.5
S_PER_INCH = 3.4
BLACKEST = 2.5  # the salience that would be drawn in full grey: 1 stays pale
MOST_COLUMNS = 2400  # of a picture; half the dots of the widest one


def piano_roll(
    times_s: Float,
    estimate: Sequence[Float],
    truth: Frames | None,
    salience: Float | None,
    frequencies_hz: Float | None,
    title: str,
    ax: Axes | None = None,
) -> Figure:
    """Pitches over time, the estimate on the truth.

    A pitch found within half a semitone of a true one is a hit, a true one not found a miss, the others false alarms.

    Parameters
    ----------
    times_s : ndarray, shape (T,)
        Times of the frames in s.
    estimate : sequence of ndarray
        The pitches found in each of them, in Hz.
    truth : tuple of (times in s, sequence of ndarray in Hz), optional
        What is true, at times of its own; None draws what was found only.
    salience : ndarray, shape (F, S), optional
        Probabilities over the same span of time, drawn pale behind.
    frequencies_hz : ndarray, shape (F,), optional
        Those of the rows of `salience`, in Hz.
    title : str
        What stands above.
    ax : Axes, optional
        Where to draw; by default a new figure is made, as wide as the recording is long.

    Returns
    -------
    Figure
    """
    # As wide as the recording is long, within what a page and a screen can hold.
    first_s = float(times_s[0])
    span_s = float(times_s[-1]) - first_s or 1.0  # one frame only
    figure, axes = canvas(ax, float(np.clip(span_s / S_PER_INCH, 10.5, 40.0)), 5.2)
    if salience is not None and frequencies_hz is not None:
        _behind(axes, (first_s, first_s + span_s), salience, midi_of(frequencies_hz))
    at, found = flatten(times_s, estimate)
    if truth is None:
        _lines(axes, at, found, _step_s(times_s), HIT, 2.0, "found")
    else:
        _compare(axes, (times_s, estimate), truth)
    pitches = [found]
    if truth is not None:
        pitches.append(flatten(*truth)[1])
    _pitch_axis(axes, np.concatenate(pitches))
    axes.set(xlabel="time (s)", ylabel="pitch", xlim=(first_s, first_s + span_s))
    title_of(axes, title)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=4,
        frameon=False,
        fontsize=9,
        borderaxespad=0.2,
    )
    return figure


def _compare(axes: Axes, estimate: Frames, truth: Frames) -> None:
    """The truth as a broad pale band, on it what was missed and what was found."""
    (at, found), (true_at, true) = flatten(*estimate), flatten(*truth)
    # Both ways: what was found has a true pitch near it, what is true was found.
    hit = _matched(at, found, *truth)
    missed = ~_matched(true_at, true, *estimate)
    step_s = _step_s(estimate[0])
    true_step_s = _step_s(truth[0])
    _lines(axes, true_at, true, true_step_s, TRUTH, 6.0, "truth", PALE)
    _lines(
        axes,
        true_at[missed],
        true[missed],
        true_step_s,
        MISS,
        2.0,
        f"missed{_share(missed, 'true')}",
    )
    _lines(
        axes,
        at[~hit],
        found[~hit],
        step_s,
        FALSE_ALARM,
        2.0,
        f"false alarm{_share(~hit, 'found')}",
    )
    _lines(axes, at[hit], found[hit], step_s, HIT, 2.0, "hit")


def mistakes_s(estimate: Frames, truth: Frames) -> Float:
    """The times of all pitches that were missed, and of all false alarms, in s."""
    (at, found), (true_at, true) = flatten(*estimate), flatten(*truth)
    hit = _matched(at, found, *truth)
    heard = _matched(true_at, true, *estimate)
    return np.concatenate([at[~hit], true_at[~heard]])


def _share(part: NDArray[np.bool_], whole: str) -> str:
    if len(part):
        return f" ({part.mean():.0%} of the {whole})"
    return ""


def _step_s(times_s: Float) -> float:
    if len(times_s) > 1:
        return float(np.median(np.diff(times_s)))
    return 0.01


def flatten(times_s: Float, frames: Sequence[Float]) -> tuple[Float, Float]:
    """Ragged pitches in Hz as two equally long arrays: the time and the MIDI number of each."""
    counts = np.array([len(frame) for frame in frames], dtype=np.int64)
    pitches = np.concatenate([*frames, np.empty(0)])
    return np.repeat(
        np.asarray(times_s, dtype=np.float64)[: len(counts)], counts
    ), midi_of(pitches)


def _matched(
    at: Float, midi: Float, times_s: Float, frames: Sequence[Float]
) -> NDArray[np.bool_]:
    """For each (time, pitch): whether the frame of `frames` nearest in time has a pitch within half a semitone."""
    if not len(times_s) or not len(at):
        return np.zeros(len(at), dtype=bool)
    # The frame nearest in time to each pitch, and its pitches as rows filled with infinity.
    # Estimate and truth have times of their own; a pitch is held against the nearest frame of the
    # other.
    middles = (times_s[1:] + times_s[:-1]) / 2
    nearest = np.searchsorted(middles, at)
    most = max((len(frame) for frame in frames), default=0)
    # Ragged frames as one array, filled up with inf, which no pitch is near to.
    rows = np.full((len(frames), max(most, 1)), np.inf)
    counts = np.array([len(frame) for frame in frames])
    rows[np.arange(rows.shape[1]) < counts[:, None]] = flatten(times_s, frames)[1]
    close: NDArray[np.bool_] = (
        np.abs(rows[nearest] - midi[:, None]) <= HALF_SEMITONE
    ).any(axis=1)
    return close


def _lines(
    axes: Axes,
    at: Float,
    midi: Float,
    step_s: float,
    colour: str,
    width: float,
    label: str,
    opacity: float = 1.0,
) -> None:
    """A dash as long as a frame at every pitch; those that touch are one line."""
    order = np.lexsort((at, np.rint(midi)))
    times, pitches = at[order], midi[order]
    # A line goes on in the next frame at the same key; within a frame two pitches are two lines.
    later_s = np.diff(times)
    same_key = np.diff(np.rint(pitches)) == 0
    goes_on = same_key & (later_s > 0.5 * step_s) & (later_s < 1.5 * step_s)
    cuts = np.flatnonzero(~goes_on) + 1

    # Not a number lifts the pen.
    x: list[Float] = [np.empty(0)]
    y: list[Float] = [np.empty(0)]
    lift = np.array([np.nan])
    for own_times, own in zip(
        np.split(times, cuts), np.split(pitches, cuts), strict=True
    ):
        if len(own):
            x += [own_times[:1] - step_s / 2, own_times, own_times[-1:] + step_s / 2]
            x.append(lift)
            y += [own[:1], own, own[-1:], lift]
    axes.plot(
        np.concatenate(x),
        np.concatenate(y),
        color=colour,
        alpha=opacity,
        linewidth=width,
        label=label,
        solid_capstyle="butt",
    )


def _behind(
    axes: Axes, times_s: tuple[float, float], salience: Float, midi: Float
) -> None:
    # A picture has fewer columns than a song has frames, and matplotlib takes long, and
    # much memory, to find them: here a column is the strongest of a few frames.
    together = max(1, salience.shape[1] // MOST_COLUMNS)
    starts = np.arange(0, salience.shape[1], together)
    strongest = np.maximum.reduceat(salience, starts, axis=1)
    colours = shades()(np.clip(strongest / BLACKEST, 0.0, 1.0), bytes=True)

    # A grid takes colours of a byte each as they are; `imshow` would make several pictures of floats of them.
    n_bins, n_columns = strongest.shape
    bins = np.linspace(float(midi[0]), float(midi[-1]), n_bins + 1)
    columns = np.linspace(*times_s, n_columns + 1)
    grid = PcolorImage(axes, columns, bins, colours, zorder=0)
    # It lies within the axes, and matplotlib knows no extent of it.
    grid.set_in_layout(False)
    axes.add_image(grid)


def _pitch_axis(axes: Axes, midi: Float) -> None:
    """A keyboard: a name at every C and F, or only at C where there are many octaves, black keys shaded."""
    if len(midi):
        low = float(midi.min()) - 2.5
        high = float(midi.max()) + 2.5
    else:
        low = 47.5
        high = 72.5
    keys = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    # Black keys are shaded, as on a keyboard.
    for key in (key for key in keys if key % 12 in BLACK_KEYS):
        axes.axhspan(
            key - 0.5, key + 0.5, color=GREY, alpha=0.09, linewidth=0, zorder=0.5
        )
    named = (0, 5) if high - low < 48 else (0,)
    axes.set_ylim(low, high)
    axes.set_yticks([key for key in keys if key % 12 in named and low <= key <= high])
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: note_name(round(value)))
    )
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def note_name(midi: int) -> str:
    """60 is C4."""
    return f"{NOTE_NAMES[midi % 12]}{midi // 12 - 1}"
