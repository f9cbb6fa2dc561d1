"""Pitches: MIDI numbers, 69 for 440 Hz, and 0 where nothing sounds."""

from __future__ import annotations

import math
from collections.abc import Iterable

HIGHEST = 127  # the highest MIDI number
FARTHEST = (
    0.06  # semitones that a frequency written with two decimals may lie beside its note
)
CHANCE = 0.002


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
    """The pitches of each frame -> as many rows as the fullest frame has pitches, 0 where a frame has fewer.

    NaN stays, for the guard of the import to name.
    """
    sounding = [[float(v) for v in frame if v > 0 or v != v] for frame in frames]
    n_rows = max((len(frame) for frame in sounding), default=0)
    rows = []
    for row in range(max(n_rows, 1)):
        rows.append([frame[row] if row < len(frame) else 0.0 for frame in sounding])
    return rows


def pitch_fault(values: Iterable[float], is_midi: bool) -> str | None:
    """What speaks against MIDI numbers, where these are pitches that an importer gave as such; None where nothing does.

    Parameters
    ----------
    values : iterable of float
        The pitches of one annotation; 0 and below is silence.
    is_midi : bool
        The user says that they are MIDI numbers: only numbers that cannot be any are a fault.
    """
    pitches = {float(value) for value in values if value > 0}
    highest = max(pitches, default=0.0)
    if highest > HIGHEST:
        return f"{highest:g} is not a MIDI number, which are 0 to {HIGHEST}"

    # Hz below 128 pass as MIDI numbers by their size; what gives them away is that all are those of a tempered scale.
    if is_midi or not _look_like_hz(pitches):
        return None
    example = min(pitch for pitch in pitches if pitch != int(pitch))
    return (
        f"its pitches look like Hz: {example:g} Hz is the note {midi_of(example):.2f}"
    )


def _look_like_hz(pitches: set[float]) -> bool:
    """Whether all are tempered frequencies: as MIDI numbers they would lie so by chance once in 500 annotations.

    A MIDI number that is not whole lies anywhere between two notes. The chance that one of them, taken for Hz, lies
    within d semitones of a note is 2 d; that all n of them do is (2 d) ** n.
    """
    apart = {pitch: abs(midi_of(pitch) - round(midi_of(pitch))) for pitch in pitches}
    broken = [its for pitch, its in apart.items() if pitch != int(pitch)]
    if len(broken) < 2 or max(apart.values()) > FARTHEST:
        return False
    return bool((2 * max(broken)) ** len(broken) < CHANCE)
