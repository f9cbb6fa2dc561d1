"""Pitches: MIDI numbers, 69 for 440 Hz, and 0 where nothing sounds."""

from __future__ import annotations

import math
from collections.abc import Iterable


def midi_of(hz: float) -> float:
    """A frequency as a MIDI number; 0 for none (0, negative: unvoiced, NaN)."""
    if hz > 0:
        return 69.0 + 12.0 * math.log2(hz / 440.0)
    return 0.0


def midis_of(hz: Iterable[float]) -> list[float]:
    return [midi_of(float(value)) for value in hz]


def hz_of(midi: float) -> float:
    """The other way round."""
    if midi > 0:
        return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))
    return 0.0


def rows_of_frames(frames: Iterable[Iterable[float]]) -> list[list[float]]:
    """The pitches of each frame -> as many rows as the fullest frame has pitches, 0 where a frame has fewer."""
    sounding = [[float(value) for value in frame if value > 0] for frame in frames]
    n_rows = max((len(frame) for frame in sounding), default=0)
    return [
        [frame[row] if row < len(frame) else 0.0 for frame in sounding]
        for row in range(max(n_rows, 1))
    ]
