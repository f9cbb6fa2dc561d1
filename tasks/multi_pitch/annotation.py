"""From annotations to pitches on a grid of times: curves of f0 (`f0multi`, `f0`) and notes (`pitchmidi`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import Item
from ...errors import TaskError

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

MULTI, SINGLE, NOTES = "f0multi", "f0", "pitchmidi"
HIGHEST_MIDI = 127.0
NOTE_STEP_S = 0.01  # the field's grid for evaluating notes frame by frame


@dataclass(frozen=True)
class Pitches:
    """Sounding pitches: `midi` numbers, each with the index of its time, ascending, out of `times_s` (T,)."""

    times_s: Float64
    frames: Int64
    midi: Float64

    @property
    def hz(self) -> Float64:
        return 440.0 * 2.0 ** ((self.midi - 69.0) / 12.0)

    def hz_of_each(self) -> list[Float64]:
        """T arrays of Hz."""
        ends = np.searchsorted(self.frames, np.arange(1, len(self.times_s)))
        return np.split(self.hz, ends) if len(self.times_s) else []


def annotation_of(item: Item) -> str | None:
    """The name of the annotation that holds the item's pitches: the richest it has, or None."""
    return next((name for name in (MULTI, NOTES, SINGLE) if item.annotations.get(name)), None)


def own_pitches(item: Item) -> Pitches:
    """The annotation at its own times; notes every 10 ms. Raises TaskError E504."""
    name = _annotated(item)
    if name == NOTES:
        return _sounding_notes(item, np.arange(0.0, item.duration_s, NOTE_STEP_S))
    values, times_s = _curves(item, name)
    return _pitches(times_s, np.arange(len(times_s)), values)


def pitches_at_frames(item: Item, n_frames: int, hop_s: float) -> Pitches:
    """The annotation at the times of a feature's frames, t · hop_s. Raises TaskError E504.

    A curve's value holds for the frames nearest to it, up to half a step of the curve (or half a hop, if that is
    longer): where the annotation has a gap, nothing sounds.
    """
    name = _annotated(item)
    frame_times_s = np.arange(n_frames) * hop_s
    if name == NOTES:
        return _sounding_notes(item, frame_times_s)
    values, times_s = _curves(item, name)
    after = np.clip(np.searchsorted(times_s, frame_times_s), 1, max(len(times_s) - 1, 1))
    before_is_nearer = frame_times_s - times_s[after - 1] <= times_s[min_index(after, times_s)] - frame_times_s
    nearest = np.where(before_is_nearer, after - 1, min_index(after, times_s))
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    near = np.abs(times_s[nearest] - frame_times_s) <= max(step_s, hop_s) / 2 + 1e-9
    return _pitches(frame_times_s, np.flatnonzero(near), values[:, nearest[near]])
