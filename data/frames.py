"""Annotations on the frames of a feature: segments, notes, markers and curves, without a loop.

Frame t stands for the time `first_s` + t · `hop_s`, in seconds. A segment holds the frames with onset <= time < onset +
duration. A boundary that differs from a frame's time by less than a millionth of the hop is on it: times that were
written as decimals, or computed as t · hop, fall into the frame that is meant. What lies outside the frames is dropped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

EXACT = 1e-6  # of a hop


def frame_times(n_frames: int, hop_s: float, first_s: float = 0.0) -> Float64:
    """The times of frames.

    Parameters
    ----------
    n_frames : int
        How many frames there are.
    hop_s : float
        Seconds from one frame to the next.
    first_s : float
        The time of the first frame, in seconds.

    Returns
    -------
    array of float, (T,)
        Seconds.

    Examples
    --------
    >>> from mirbricks.data import frame_times
    >>> frame_times(3, hop_s=0.5, first_s=0.25).tolist()
    [0.25, 0.75, 1.25]
    """
    return first_s + np.arange(n_frames, dtype=np.float64) * hop_s


def segments_to_classes(
    onsets_s: ArrayLike,
    durations_s: ArrayLike,
    classes: ArrayLike,
    n_frames: int,
    hop_s: float,
    *,
    first_s: float = 0.0,
    fill: int = -1,
) -> Int64:
    """The class of each frame: that of the segment which holds it.

    Parameters
    ----------
    onsets_s, durations_s : array of float, (M,)
        The segments, in seconds. Where they overlap, the later one in the list wins.
    classes : array of int, (M,)
        The class of each segment.
    n_frames, hop_s, first_s
        The frames, as in `frame_times`.
    fill : int
        The class of frames that no segment holds.

    Returns
    -------
    array of int, (T,)

    Examples
    --------
    >>> from mirbricks.data import segments_to_classes
    >>> segments_to_classes([0.0, 0.2], [0.2, 0.1], [7, 8], n_frames=4, hop_s=0.1).tolist()
    [7, 7, 8, -1]
    """
    frames, segments = _spread(onsets_s, durations_s, n_frames, hop_s, first_s)
    found = np.full(n_frames, fill, np.int64)
    # Of several values for one frame numpy keeps the last.
    found[frames] = np.asarray(classes, np.int64)[segments]
    return found


def notes_to_roll(
    onsets_s: ArrayLike,
    durations_s: ArrayLike,
    rows: ArrayLike,
    n_rows: int,
    n_frames: int,
    hop_s: float,
    *,
    first_s: float = 0.0,
    values: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """A piano roll: 1 while a note sounds, else 0.

    Parameters
    ----------
    onsets_s, durations_s : array of float, (M,)
        The notes, in seconds.
    rows : array of int, (M,)
        The row of each note, such as its MIDI number less 21. Notes of rows outside [0, n_rows) are dropped.
    n_rows : int
        How many rows the roll has.
    n_frames, hop_s, first_s
        The frames, as in `frame_times`.
    values : array of float, (M,), optional
        What stands in the roll instead of 1, such as velocities; where two notes overlap the larger one.

    Returns
    -------
    array of float32, (T, n_rows)

    Examples
    --------
    >>> from mirbricks.data import notes_to_roll
    >>> notes_to_roll([0.0, 0.1], [0.2, 0.1], [1, 0], n_rows=2, n_frames=3, hop_s=0.1).tolist()
    [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    """
    rows = np.asarray(rows, np.int64)
    # Notes outside the rows, such as those no piano has, are dropped before anything is laid out.
    kept = (rows >= 0) & (rows < n_rows)
    onsets = np.asarray(onsets_s, np.float64)[kept]
    durations = np.asarray(durations_s, np.float64)[kept]
    frames, notes = _spread(onsets, durations, n_frames, hop_s, first_s)

    # A flat roll takes all notes in one assignment.
    roll = np.zeros(n_frames * n_rows, np.float32)
    at = frames * n_rows + rows[kept][notes]
    if values is None:
        roll[at] = 1.0
    else:
        heights = np.asarray(values, np.float32)[kept]
        # `roll[at] = ...` would keep the last of overlapping notes, whichever that is.
        np.maximum.at(roll, at, heights[notes])
    return roll.reshape(n_frames, n_rows)


def markers_to_frames(
    times_s: ArrayLike, n_frames: int, hop_s: float, *, first_s: float = 0.0
) -> Int64:
    """How many markers, such as beats or onsets, are nearest to each frame.

    Parameters
    ----------
    times_s : array of float, (M,)
        Seconds. Half way between two frames a marker counts for the later.
    n_frames, hop_s, first_s
        The frames, as in `frame_times`.

    Returns
    -------
    array of int, (T,)

    Examples
    --------
    >>> from mirbricks.data import markers_to_frames
    >>> markers_to_frames([0.0, 0.21, 0.19], n_frames=3, hop_s=0.1).tolist()
    [1, 0, 2]
    """
    places = (np.asarray(times_s, np.float64) - first_s) / hop_s
    nearest = np.floor(places + 0.5 + EXACT).astype(np.int64)
    inside = (nearest >= 0) & (nearest < n_frames)
    counts = np.zeros(n_frames, np.int64)
    np.add.at(counts, nearest[inside], 1)
    return counts


def breakpoints_to_frames(
    values: ArrayLike,
    times_s: ArrayLike,
    n_frames: int,
    hop_s: float,
    *,
    first_s: float = 0.0,
    reach_s: float | None = None,
    fill: float = np.nan,
) -> Float64:
    """Curves at the frames: the nearest value, half way the earlier.

    Nothing is interpolated: half way between a pitch and the 0 of silence there is no pitch.

    Parameters
    ----------
    values : array of float, (R, M) or (M,)
        R curves, sampled at M times.
    times_s : array of float, (M,)
        Increasing seconds.
    n_frames, hop_s, first_s
        The frames, as in `frame_times`.
    reach_s : float, optional
        How far a value holds, in seconds; further away is `fill`. Default: half the median step of the curve, or half
        the hop if that is longer, so that a gap of the annotation stays one.
    fill : float
        What stands where no value reaches.

    Returns
    -------
    array of float, (R, T)

    Raises
    ------
    ValueError
        If there are not as many values as times.

    Examples
    --------
    >>> from mirbricks.data import breakpoints_to_frames
    >>> breakpoints_to_frames([440.0, 442.0], [0.0, 0.1], n_frames=3, hop_s=0.1, fill=0.0).tolist()
    [[440.0, 442.0, 0.0]]
    """
    curves = np.atleast_2d(np.asarray(values, np.float64))
    times = np.asarray(times_s, np.float64)
    if curves.shape[1] != len(times):
        raise ValueError(f"values of {curves.shape[1]} times, but {len(times)} times")
    if not len(times):
        return np.full((len(curves), n_frames), fill)

    # Half a step to either side covers a curve without holes, and leaves its gaps open.
    if reach_s is None:
        reach_s = max(_median_step(times), hop_s) / 2

    # The border between two neighbours lies in their middle, and belongs to the earlier one.
    borders = (times[1:] + times[:-1]) / 2 + EXACT * hop_s
    at = frame_times(n_frames, hop_s, first_s)
    nearest = np.searchsorted(borders, at)
    reached = np.abs(times[nearest] - at) <= reach_s + EXACT * hop_s
    return np.where(reached, np.take(curves, nearest, axis=1), fill)


def _median_step(times_s: Float64) -> float:
    """Seconds from one time to the next; 0 of a single time."""
    if len(times_s) < 2:
        return 0.0
    return float(np.median(np.diff(times_s)))


def _spread(
    onsets_s: ArrayLike,
    durations_s: ArrayLike,
    n_frames: int,
    hop_s: float,
    first_s: float,
) -> tuple[Int64, Int64]:
    """The frames of all segments, one segment after another, and the number of the segment each is of."""
    onsets = np.asarray(onsets_s, np.float64)
    ends = onsets + np.asarray(durations_s, np.float64)

    # Half open: a segment that ends where another begins shares no frame with it.
    first = _first_frame(onsets, n_frames, hop_s, first_s)
    last = _first_frame(ends, n_frames, hop_s, first_s)
    counts = np.maximum(last - first, 0)

    # A running number over all frames, less the number at which its segment begins, counts within the segment.
    segments = np.repeat(np.arange(len(first)), counts)
    begins = np.cumsum(counts) - counts
    frames = np.arange(counts.sum()) + np.repeat(first - begins, counts)
    return frames, segments


def _first_frame(
    times_s: Float64, n_frames: int, hop_s: float, first_s: float
) -> Int64:
    """The first frame that is not before each time, within [0, n_frames]."""
    places = np.ceil((times_s - first_s) / hop_s - EXACT)
    return np.clip(places, 0, n_frames).astype(np.int64)
