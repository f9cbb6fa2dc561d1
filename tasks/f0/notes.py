"""Notes out of a curve of pitches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..multi_pitch.prediction import Note

Float64 = NDArray[np.float64]

APART = 0.7  # semitones from the note so far: farther is another note, and a wide vibrato is not
SETTLED_S = 0.06  # so long a pitch must stay elsewhere to be another note
REMEMBERED = 4  # times as long a note is remembered: more than a period of a vibrato
GAP_S = 0.03  # a shorter silence does not end a note


def notes_of_curve(
    midi: Float64,
    voicing: Float64,
    *,
    threshold: float,
    hop_s: float,
    min_note_s: float,
) -> tuple[Note, ...]:
    """Stretches of frames (T,) at one pitch, each with its median as its pitch and its mean voicing as its salience."""
    notes = []
    for first, last in _stretches(voicing >= threshold, round(GAP_S / hop_s)):
        voiced = first + np.flatnonzero(voicing[first:last] >= threshold)
        for frames in _by_pitch(voiced, midi, max(1, round(SETTLED_S / hop_s))):
            duration_s = (frames[-1] + 1 - frames[0]) * hop_s
            if duration_s < min_note_s:
                continue
            pitch = float(np.median(midi[frames]))
            sure = float(np.clip(voicing[frames].mean(), 0.0, 1.0))
            notes.append(Note(float(frames[0] * hop_s), duration_s, pitch, sure))
    return tuple(notes)


def _stretches(voiced: NDArray[np.bool_], most_gap: int) -> list[tuple[int, int]]:
    """[first, last) of what sounds without a gap of more than so many frames."""
    at = np.flatnonzero(voiced)
    if not len(at):
        return []
    cuts = np.flatnonzero(np.diff(at) > most_gap + 1)
    firsts = [int(at[0]), *at[cuts + 1].tolist()]
    lasts = [*(at[cuts] + 1).tolist(), int(at[-1]) + 1]
    return list(zip(firsts, lasts, strict=True))


def _by_pitch(
    frames: NDArray[np.int64], midi: Float64, settled: int
) -> list[NDArray[np.int64]]:
    """The frames of a stretch, cut where the pitch has left the note so far and stays away."""
    parts = []
    begin = 0
    away = 0
    for place in range(len(frames)):
        # The median of the note's last frames: it follows a slow glide, and neither a slip nor a vibrato.
        recent = frames[max(begin, place - away - REMEMBERED * settled) : place - away]
        if not len(recent):
            continue
        far = abs(midi[frames[place]] - float(np.median(midi[recent]))) > APART
        away = away + 1 if far else 0
        if away >= settled:
            parts.append(frames[begin : place - away + 1])
            begin = place - away + 1
            away = 0
    parts.append(frames[begin:])
    return parts
