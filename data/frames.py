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
    """The times of the frames in seconds, (T,)."""
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
    """The class of each frame, (T,): that of the segment which holds it; `fill` where none does.

    Where segments overlap, the later one in the list wins.
    """
    frames, segments = _spread(onsets_s, durations_s, n_frames, hop_s, first_s)
    found = np.full(n_frames, fill, np.int64)
    found[frames] = np.asarray(classes, np.int64)[
        segments
    ]  # of several for one frame the last is kept
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
    """A piano roll (T, n_rows): 1 while a note of that row sounds, else 0; rows outside [0, n_rows) are dropped.

    values  of each note, such as velocities, instead of 1; where two overlap the larger holds
    """
    rows = np.asarray(rows, np.int64)
    if values is None:
        heights = np.ones(len(rows), np.float32)
    else:
        heights = np.asarray(values, np.float32)
    kept = (rows >= 0) & (rows < n_rows)
    onsets = np.asarray(onsets_s, np.float64)[kept]
    durations = np.asarray(durations_s, np.float64)[kept]
    frames, notes = _spread(onsets, durations, n_frames, hop_s, first_s)
    roll = np.zeros(n_frames * n_rows, np.float32)
    at = frames * n_rows + rows[kept][notes]
    if values is None:
        roll[at] = 1.0
    else:
        np.maximum.at(roll, at, heights[kept][notes])
    return roll.reshape(n_frames, n_rows)


def markers_to_frames(
    times_s: ArrayLike, n_frames: int, hop_s: float, *, first_s: float = 0.0
) -> Int64:
    """How many markers, such as beats or onsets, are nearest to each frame, (T,); half way counts for the later."""
    nearest = np.floor(
        (np.asarray(times_s, np.float64) - first_s) / hop_s + 0.5 + EXACT
    ).astype(np.int64)
    counts = np.zeros(n_frames, np.int64)
    np.add.at(counts, nearest[(nearest >= 0) & (nearest < n_frames)], 1)
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
    """Curves (R, M), sampled at M increasing times, at the frames: (R, T), the nearest value, half way the earlier.

    Nothing is interpolated: half way between a pitch and the 0 of silence there is no pitch.

    reach_s  how far a value holds; further away is `fill`. Default: half the median step of the curve, or half the hop
             if that is longer, so that a gap of the annotation stays one
    """
    curves = np.atleast_2d(np.asarray(values, np.float64))
    times = np.asarray(times_s, np.float64)
    if curves.shape[1] != len(times):
        raise ValueError(f"values of {curves.shape[1]} times, but {len(times)} times")
    if not len(times):
        return np.full((len(curves), n_frames), fill)
    if reach_s is None:
        reach_s = (
            max(float(np.median(np.diff(times))) if len(times) > 1 else 0.0, hop_s) / 2
        )
    at = frame_times(n_frames, hop_s, first_s)
    nearest = np.searchsorted((times[1:] + times[:-1]) / 2 + EXACT * hop_s, at)
    return np.where(
        np.abs(times[nearest] - at) <= reach_s + EXACT * hop_s,
        np.take(curves, nearest, axis=1),
        fill,
    )


def _spread(
    onsets_s: ArrayLike,
    durations_s: ArrayLike,
    n_frames: int,
    hop_s: float,
    first_s: float,
) -> tuple[Int64, Int64]:
    """The frames of all segments, one segment after another, and the number of the segment each is of."""
    onsets = np.asarray(onsets_s, np.float64)
    first = _first_frame(onsets, n_frames, hop_s, first_s)
    counts = np.maximum(
        _first_frame(
            onsets + np.asarray(durations_s, np.float64), n_frames, hop_s, first_s
        )
        - first,
        0,
    )
    segments = np.repeat(np.arange(len(first)), counts)
    frames = np.arange(counts.sum()) + np.repeat(
        first - (np.cumsum(counts) - counts), counts
    )
    return frames, segments


def _first_frame(
    times_s: Float64, n_frames: int, hop_s: float, first_s: float
) -> Int64:
    """The first frame that is not before each time, within [0, n_frames]."""
    return np.clip(np.ceil((times_s - first_s) / hop_s - EXACT), 0, n_frames).astype(
        np.int64
    )
