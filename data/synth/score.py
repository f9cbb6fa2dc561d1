"""Four-voice music for the synthetic corpus: diatonic chords, voice leading, passing notes, ties, rests, phrases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VOICES = ("soprano", "alto", "tenor", "bass")
RANGES = ((60, 79), (55, 72), (48, 67), (40, 60))  # MIDI, as in a chorale
# minor: harmonic, for its leading tone
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 11)
# The degrees that may follow a degree.
NEXT = {
    0: (3, 4, 5, 1),
    1: (4, 4, 6),
    2: (5, 3),
    3: (0, 4, 1),
    4: (0, 0, 5),
    5: (1, 3, 4),
    6: (0,),
}
PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
Voicing = NDArray[np.int64]  # (4,), soprano first, MIDI


@dataclass(frozen=True)
class Note:
    """A note of one voice; `legato` if it follows the note before without a gap."""

    onset_s: float
    end_s: float
    midi: int
    legato: bool


def compose(rng: np.random.Generator, seconds: float) -> tuple[list[Note], ...]:
    """The notes of soprano, alto, tenor and bass; they fill `seconds` but for a rest at both ends."""
    tonic = int(rng.integers(12))
    if rng.random() < 0.6:
        scale = MAJOR
    else:
        scale = MINOR
    beat_s = 60.0 / rng.uniform(62, 96)
    start_s = rng.uniform(0.15, 0.5)
    stop_s = seconds - rng.uniform(0.3, 0.6)

    # A piece ends with a whole beat: what does not fit is silence at its end.
    beats = max(2, int((stop_s - start_s) / beat_s))
    chords, lengths = _chords(rng, beats)
    voicings = _voicings(rng, tonic, scale, chords)

    # Rhythm comes after harmony, since a chord's length does not change its voicing.
    onsets = start_s + beat_s * np.concatenate([[0.0], np.cumsum(lengths)])
    scale_classes = {(tonic + step) % 12 for step in scale}
    return tuple(
        _voice(rng, voicings[:, v], onsets, lengths, scale_classes)
        for v in range(len(VOICES))
    )


def _chords(rng: np.random.Generator, beats: int) -> tuple[list[int], list[float]]:
    """Scale degrees and their lengths in beats: phrases of 5 to 8 chords, each with a cadence and a long last chord."""
    degrees = []
    lengths = []
    left = float(beats)
    while left >= 1:
        size = min(int(rng.integers(5, 9)), int(left))
        degree = 0
        for position in range(size):
            # Every phrase ends with V and I, by which a listener hears that it ends.
            cadence = size > 2 and position >= size - 2
            if cadence:
                degree = (4, 0)[position - size + 2]
            degrees.append(degree)
            lengths.append(1.0)
            degree = int(rng.choice(NEXT[degree]))
        left -= size
        if left >= 1:  # a fermata: breath after the phrase
            lengths[-1] = 2.0
            left -= 1
    return degrees, lengths


def _voicings(
    rng: np.random.Generator, tonic: int, scale: tuple[int, ...], degrees: list[int]
) -> NDArray[np.int64]:
    """(chords, 4) MIDI: of all ways to set a chord, the one that leads the voices best, with some chance in it."""
    chosen: list[Voicing] = []
    for degree in degrees:
        # Thirds piled up on a degree of the scale: its triad in this key.
        classes = [(tonic + scale[(degree + third) % 7]) % 12 for third in (0, 2, 4)]
        tones = [
            [m for m in range(low, high + 1) if m % 12 in classes]
            for low, high in RANGES
        ]
        options = np.stack(np.meshgrid(*tones, indexing="ij"), axis=-1).reshape(-1, 4)
        options = options[
            (np.diff(options, axis=1) < 0).all(axis=1)
        ]  # no voice crosses another
        # Chance enters as a cost, so that a bad voicing stays unlikely and every good one comes up.
        cost = _cost(options, classes, chosen[-1] if chosen else None)
        chosen.append(options[np.argmin(cost + rng.exponential(2.0, len(options)))])
    return np.stack(chosen)


def _cost(
    options: NDArray[np.int64], classes: list[int], before: Voicing | None
) -> NDArray[np.float64]:
    """(options,) what the textbook dislikes: a missing tone, wide spacing, leaps, parallel fifths and octaves."""
    tones = options % 12
    # Root and third define a chord and weigh 8 each; its fifth may be left out, for 3.
    missing = sum(
        (~(tones == c).any(axis=1)).astype(np.float64) * w
        for c, w in zip(classes, (8, 8, 3), strict=True)
    )

    # The bass has the root, less gladly the third; a fifth in the bass is a dissonance in this style.
    cost = missing + np.where(
        tones[:, 3] == classes[0], 0.0, np.where(tones[:, 3] == classes[1], 3.0, 9.0)
    )

    # Upper voices more than an octave apart do not blend; between tenor and bass it is usual.
    cost += 2.0 * (options[:, :2] - options[:, 1:3] > 12).sum(axis=1)

    # The first chord has none to be led from: it begins in the middle of the voices' ranges.
    if before is None:
        return np.asarray(
            cost + np.abs(options - np.array([70, 64, 57, 48])).sum(axis=1) * 0.5
        )

    # Small steps are singable; the bass may leap more freely, but no one by more than a fifth.
    moves = np.abs(options - before)
    cost += (moves * (1.0, 1.0, 1.0, 0.5)).sum(axis=1) + 3.0 * (moves > 7).sum(axis=1)
    for high, low in PAIRS:
        # Parallels: a pair keeps its fifth or octave while both move, and is heard as one voice.
        same = (options[:, high] - options[:, low]) % 12 == (
            before[high] - before[low]
        ) % 12
        perfect = np.isin((options[:, high] - options[:, low]) % 12, (0, 7))
        cost += 6.0 * (same & perfect & (moves[:, high] > 0))
    return np.asarray(cost)


def _voice(
    rng: np.random.Generator,
    pitches: NDArray[np.int64],
    onsets: NDArray[np.float64],
    lengths: list[float],
    scale_classes: set[int],
) -> list[Note]:
    """One voice: ties, passing notes, rests, detached notes and a little freedom in time."""
    spans: list[tuple[float, float, int]] = []
    for i, midi in enumerate(map(int, pitches)):
        start = float(onsets[i])
        stop = float(onsets[i + 1])
        if lengths[i] > 1 or i == len(pitches) - 1:
            stop -= 0.25 * (stop - start) / lengths[i]  # breath
        elif rng.random() < 0.05:
            continue  # a rest

        # A tone repeated in the next chord is held half of the time, but for no longer than a singer's breath.
        tied = (
            spans
            and spans[-1][2] == midi
            and abs(spans[-1][1] - start) < 1e-9
            and rng.random() < 0.5
        )
        if tied and start - spans[-1][0] < 1.8:
            start = spans.pop()[0]

        # A third to the next tone may be filled, but only within a beat: a fermata is held.
        if i + 1 < len(pitches):
            passing = _passing(midi, int(pitches[i + 1]), scale_classes)
        else:
            passing = None
        if passing is not None and lengths[i] == 1 and rng.random() < 0.6:
            half = 0.5 * (float(onsets[i]) + stop)
            spans += [(start, half, midi), (half, stop, passing)]
        else:
            spans.append((start, stop, midi))
    return _performed(rng, spans)


def _passing(midi: int, following: int, scale_classes: set[int]) -> int | None:
    """The tone of the scale between two tones a third apart."""
    if abs(following - midi) not in (3, 4):
        return None
    low, high = sorted((midi, following))
    between = [m for m in range(low + 1, high) if m % 12 in scale_classes]
    if between:
        return between[0]
    return None


def _performed(
    rng: np.random.Generator, spans: list[tuple[float, float, int]]
) -> list[Note]:
    """Onsets move by some milliseconds; some notes are detached, the others run into the next."""
    # All starts are drawn before any end: where a note ends depends on when the next one begins.
    starts = [start + float(rng.normal(0.0, 0.006)) for start, _, _ in spans]
    notes = []
    legato = False
    for i, (start, stop, midi) in enumerate(spans):
        joined = i + 1 < len(spans) and abs(spans[i + 1][0] - stop) < 1e-9
        detached = not joined or rng.random() < 0.25
        if i + 1 < len(spans):
            limit = starts[i + 1]
        else:
            limit = stop
        # At least 80 ms of silence, so that a detached note can be told from a legato one.
        if detached:
            end = min(
                stop - 0.1 * (stop - start) * float(rng.uniform(0.5, 2)), limit - 0.08
            )
        else:
            end = limit
        # A note stays audible, however its neighbours move.
        notes.append(Note(starts[i], max(end, starts[i] + 0.05), midi, legato))
        legato = not detached
    return notes
