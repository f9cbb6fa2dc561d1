"""Scores: the notes of a corpus, for another instrument to play in another key, tempo and loudness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import DataError
from ..corpus import Item
from .performance import Sounding

NOTES = "pitchmidi"
LEAST_LENGTH_S = 0.05
LOWEST = 21
HIGHEST = 108
MOST_SEMITONES = 5
SLOWEST = 0.85
FASTEST = 1.2
SWELL_S = 2.0  # from one loudness to the next

Score = tuple[Sounding, ...]


def scores_of(items: Sequence[Item]) -> list[Score]:
    """The notes of each item that has any, in order; velocities are 0 where they are not annotated.

    Raises DataError E470 where no item has notes.
    """
    scores = [score for item in items if (score := _score(item))]
    if not scores:
        raise DataError(
            f"score: no recording has notes, which are the annotation '{NOTES}' with a time and a duration",
            code="E470",
            help="mirbricks data info DIR shows the annotations of a corpus",
        )
    return scores


def _score(item: Item) -> Score:
    if not item.annotations.get(NOTES):
        return ()
    midi, onsets_s, durations_s = item.entry.segments(NOTES)
    velocities = np.zeros(len(midi))
    if item.annotations.get("velocity"):
        words, times_s, _ = item.entry.segments("velocity")
        # They belong to the notes one by one, or not at all.
        if np.array_equal(times_s, onsets_s):
            velocities = np.array(words, np.float64) / 127
    notes = [
        Sounding(
            float(onset_s), float(onset_s + length_s), float(pitch), float(strength)
        )
        for pitch, onset_s, length_s, strength in zip(
            midi, onsets_s, durations_s, velocities, strict=True
        )
        if pitch > 0 and length_s > 0
    ]
    return tuple(sorted(notes, key=lambda note: note.onset_s))


def performed(rng: np.random.Generator, score: Score, seconds: float) -> list[Sounding]:
    """A score in another key, at another tempo and with strengths of its own, as far as it lies within `seconds`."""
    pitches = [round(note.midi) for note in score]
    # A piece that spans the whole keyboard stays where it is.
    lowest = max(-MOST_SEMITONES, LOWEST - min(pitches))
    highest = min(MOST_SEMITONES, HIGHEST - max(pitches))
    semitones = int(rng.integers(lowest, highest + 1)) if lowest <= highest else 0
    slower = 1.0 / float(rng.uniform(SLOWEST, FASTEST))
    begin_s = _beginning(rng, score, seconds / slower)

    # Phrases swell; a note may be a little louder or softer than its phrase.
    loud = float(rng.uniform(0.3, 0.7))
    n_swells = int(seconds / SWELL_S) + 2
    swells = loud + np.cumsum(rng.normal(0, 0.08, n_swells))
    played = []
    for note in score:
        onset_s = (note.onset_s - begin_s) * slower
        if not 0 <= onset_s < seconds - LEAST_LENGTH_S:
            continue
        velocity = note.velocity
        if not velocity:
            velocity = np.interp(onset_s / SWELL_S, np.arange(n_swells), swells)
            velocity += rng.normal(0, 0.08)
        played.append(
            Sounding(
                onset_s,
                min(
                    max((note.end_s - begin_s) * slower, onset_s + LEAST_LENGTH_S),
                    seconds,
                ),
                float(np.clip(note.midi + semitones, LOWEST, HIGHEST)),
                float(np.clip(velocity, 0.08, 1.0)),
            )
        )
    return played


def _beginning(rng: np.random.Generator, score: Score, seconds: float) -> float:
    """Where in the score, in s, a clip of `seconds` begins: shortly before one of its notes."""
    last_s = score[-1].onset_s - seconds
    enough = [note for note in score if note.onset_s <= last_s] or [score[0]]
    first = enough[int(rng.integers(len(enough)))]
    return max(0.0, first.onset_s - float(rng.uniform(0.05, 0.5)))
