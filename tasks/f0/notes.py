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
    following = FollowedNotes(threshold, hop_s, min_note_s)
    return (*following.push(midi, voicing), *following.end())


class FollowedNotes:
    """The notes of a curve that comes in pieces, each as soon as it is over."""

    def __init__(self, threshold: float, hop_s: float, min_note_s: float) -> None:
        self._threshold = threshold
        self._hop_s = hop_s
        self._min_note_s = min_note_s
        self._most_gap = round(GAP_S / hop_s)
        self._settled = max(1, round(SETTLED_S / hop_s))
        self._n_frames = 0
        # The voiced frames of the note that sounds; of the last `away` its pitch is another one.
        self._frames: list[int] = []
        self._midi: list[float] = []
        self._voicing: list[float] = []
        self._away = 0

    def push(self, midi: Float64, voicing: Float64) -> list[Note]:
        """The notes that end in the next frames (T,)."""
        notes = []
        for place in np.flatnonzero(voicing >= self._threshold).tolist():
            frame = self._n_frames + place
            if self._frames and frame - self._frames[-1] > self._most_gap + 1:
                notes += self.end()
            notes += self._voiced(frame, float(midi[place]), float(voicing[place]))
        self._n_frames += len(midi)
        # What comes next, voiced or not, is too far away to belong to the note.
        if self._frames and self._n_frames - 1 - self._frames[-1] > self._most_gap:
            notes += self.end()
        return notes

    def end(self) -> list[Note]:
        """The note that sounds, if there is one."""
        if not self._frames:
            return []
        return self._cut(len(self._frames))

    def _voiced(self, frame: int, midi: float, voicing: float) -> list[Note]:
        """One frame more; the note before it, where the pitch has left that and stayed away."""
        # The median of the note's last frames: it follows a slow glide, and neither a slip nor a vibrato.
        stop = len(self._midi) - self._away
        recent = self._midi[max(0, stop - REMEMBERED * self._settled) : stop]
        self._frames.append(frame)
        self._midi.append(midi)
        self._voicing.append(voicing)
        if not recent:
            return []
        if abs(midi - float(np.median(recent))) > APART:
            self._away += 1
        else:
            self._away = 0
        if self._away >= self._settled:
            return self._cut(len(self._frames) - self._away)
        return []

    def _cut(self, size: int) -> list[Note]:
        """The note of the first so many frames, unless it is too short; the others begin another one."""
        first = self._frames[0]
        duration_s = (self._frames[size - 1] + 1 - first) * self._hop_s
        notes = []
        if duration_s >= self._min_note_s:
            pitch = float(np.median(self._midi[:size]))
            sure = float(np.clip(np.mean(self._voicing[:size]), 0.0, 1.0))
            notes.append(Note(first * self._hop_s, duration_s, pitch, sure))
        self._frames = self._frames[size:]
        self._midi = self._midi[size:]
        self._voicing = self._voicing[size:]
        self._away = 0
        return notes
