"""Piano music for two hands: chords, broken chords, runs and melodies over changing harmony, with the pedal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .performance import Sounding
from .song import MAJOR, MINOR

LOWEST = 24
HIGHEST = 105
STEPS = (0, 5, 7, 9, 2, 3, 8, 10)  # where a harmony goes from the tonic, in semitones
TRIADS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 3, 6, 9))
Rng = np.random.Generator
Hand = Iterator[tuple[float, float, list[int], float]]  # beat, beats, tones, velocity


def piano_piece(
    rng: np.random.Generator,
    seconds: float,
    pedals: list[tuple[float, float]] | None = None,
) -> list[Sounding]:
    """Notes of a piece, in order; with the pedal down they end where it is lifted, as a listener would say.

    `pedals` gets the times in s in which the pedal is down.
    """
    notes: list[Sounding] = []
    here_s = float(rng.uniform(0.1, 0.5))

    # One key for the piece, so that neighbouring chords share tones as they do in music.
    tonic = int(rng.integers(12))
    key = [(tonic + step) % 12 for step in (MAJOR if rng.random() < 0.6 else MINOR)]
    beat_s = 60.0 / float(np.exp(rng.uniform(np.log(50), np.log(150))))
    while here_s < seconds - 1.0:
        # A passage keeps its tempo, its hands and its loudness; a new one may change all of them.
        if rng.random() < 0.2:
            beat_s = float(np.clip(beat_s * rng.uniform(0.7, 1.4), 0.35, 1.3))
        left, right = (_HANDS[name] for name in rng.choice(list(_HANDS), 2))
        pedal = bool(rng.random() < 0.6)
        loud = float(rng.uniform(0.35, 0.8))
        for _ in range(int(rng.integers(1, 4))):
            root = (tonic + int(rng.choice(STEPS))) % 12
            chord = TRIADS[rng.choice(4, p=[0.45, 0.35, 0.12, 0.08])]
            classes = [(root + tone) % 12 for tone in chord]
            beats = int(rng.choice([2, 4]))
            stop_s = here_s + beats * beat_s
            if pedal and pedals is not None and here_s < seconds:
                pedals.append((here_s, min(stop_s, seconds)))
            # The hands overlap by a major third, as they do on a keyboard.
            for hand, low, high in ((left, LOWEST, 60), (right, 56, HIGHEST)):
                for beat, length, tones, velocity in hand(
                    rng, classes, key, low, high, beats
                ):
                    at_s = here_s + beat * beat_s
                    # The dampers stay up until the pedal does: a key let go sounds on to the end of the chord.
                    if pedal:
                        ends_s = stop_s
                    else:
                        ends_s = None
                    notes += _struck(
                        rng, at_s, length * beat_s, tones, velocity * loud, ends_s
                    )
            here_s = stop_s
            if rng.random() < 0.2:
                here_s += float(rng.uniform(0, 0.2)) * beat_s

    # The recording ends at its last second, whoever still plays; what would be left shorter than 50 ms is not begun.
    notes = [
        replace(note, end_s=min(note.end_s, seconds))
        for note in notes
        if note.onset_s < seconds - 0.05
    ]
    if not notes:  # all rests
        notes = [Sounding(0.1, seconds, 60.0, 0.5)]
    return _each_key_once(sorted(notes, key=lambda note: note.onset_s))


def _struck(
    rng: np.random.Generator,
    at_s: float,
    length_s: float,
    tones: list[int],
    velocity: float,
    lifted_s: float | None,
) -> Iterator[Sounding]:
    """Keys struck at once, nearly; `lifted_s`: when the pedal is lifted, if it is down."""
    for midi in tones:
        onset_s = max(0.0, at_s + float(rng.normal(0, 0.008)))
        if lifted_s is None:
            end_s = onset_s + length_s * float(rng.uniform(0.5, 1.05))
        else:
            end_s = lifted_s
        struck = float(np.clip(velocity + rng.normal(0, 0.08), 0.08, 1.0))
        yield Sounding(onset_s, max(end_s, onset_s + 0.06), float(midi), struck)


def _each_key_once(notes: list[Sounding]) -> list[Sounding]:
    """A key that is struck again ends its note before."""
    last: dict[float, int] = {}
    kept: list[Sounding] = []
    for note in notes:
        if note.midi in last:
            before = kept[last[note.midi]]
            # No hand repeats a key within 60 ms: both hands meant the same note.
            if note.onset_s - before.onset_s < 0.06:
                continue
            kept[last[note.midi]] = replace(
                before, end_s=min(before.end_s, note.onset_s - 0.005)
            )
        last[note.midi] = len(kept)
        kept.append(note)
    return kept


def _among(classes: list[int], low: int, high: int) -> list[int]:
    return [midi for midi in range(low, high + 1) if midi % 12 in classes]


def _blocks(
    rng: Rng,
    chord: list[int],
    key: list[int],  # noqa: ARG001  # every hand is called alike
    low: int,
    high: int,
    beats: int,
) -> Hand:
    """Chords of two to five tones."""
    tones = _among(chord, low, high)
    first = int(rng.integers(max(1, len(tones) - 4)))
    rhythm = int(rng.choice([1, 1, 2]))
    for n in range(beats // rhythm):
        yield n * rhythm, rhythm, tones[first : first + int(rng.integers(2, 6))], 1.0


def _broken(
    rng: Rng,
    chord: list[int],
    key: list[int],  # noqa: ARG001  # every hand is called alike
    low: int,
    high: int,
    beats: int,
) -> Hand:
    """A chord tone by tone, up, or up and down."""
    tones = _among(chord, low, high)
    span = int(rng.integers(3, 8))
    first = int(rng.integers(max(1, len(tones) - span)))
    line = tones[first : first + span]
    if rng.random() < 0.5:
        # The top and the bottom are not struck twice where the line turns.
        line = line + line[-2:0:-1]
    rate = int(rng.choice([2, 3, 4, 6]))
    for n in range(beats * rate):
        yield n / rate, 1 / rate, [line[n % len(line)]], 0.9


def _run(
    rng: Rng,
    chord: list[int],  # noqa: ARG001  # every hand is called alike
    key: list[int],
    low: int,
    high: int,
    beats: int,
) -> Hand:
    """Along the scale, up and down, sometimes chromatic, sometimes in octaves or thirds."""
    tones = _among(list(range(12)) if rng.random() < 0.2 else key, low, high)
    here = int(rng.integers(len(tones)))
    way = int(rng.choice([-1, 1]))
    rate = int(rng.choice([2, 3, 4, 6]))
    double = int(rng.choice([0, 0, 0, 2, 7]))
    for n in range(beats * rate):
        # A run turns at the end of the keyboard, and now and then before.
        if not 0 <= here + way < len(tones) or rng.random() < 0.1:
            way = -way
        here = int(np.clip(here + way, 0, len(tones) - 1))
        # At the top a third or an octave no longer fits, and a set plays the one key once.
        both = {tones[here], tones[min(here + double, len(tones) - 1)]}
        yield n / rate, 1 / rate, sorted(both), 0.95


def _melody(
    rng: Rng, chord: list[int], key: list[int], low: int, high: int, beats: int
) -> Hand:
    """Long and short tones, now and then with one or two of the chord below."""
    tones = _among(key, low, high)
    here = int(rng.integers(len(tones) // 3, len(tones)))
    beat = 0.0
    while beat < beats:
        length = float(min(rng.choice([0.5, 1, 1, 1.5, 2]), beats - beat))
        here = int(np.clip(here + rng.integers(-3, 4), 0, len(tones) - 1))
        # A chord of the same hand stays below its melody, which would not be heard as the top otherwise.
        if rng.random() < 0.3:
            below = [
                midi for midi in _among(chord, low, high) if midi < tones[here] - 2
            ][-2:]
        else:
            below = []
        yield beat, length, [*below[: int(rng.integers(1, 3))], tones[here]], 1.0
        beat += length


def _silence(
    rng: Rng,
    chord: list[int],
    key: list[int],  # noqa: ARG001  # every hand is called alike
    low: int,
    high: int,
    beats: int,
) -> Hand:
    """A rest, or one low or high tone."""
    if rng.random() < 0.5:
        yield 0.0, float(beats), [int(rng.choice(_among(chord, low, high)))], 0.8


_HANDS = {
    "blocks": _blocks,
    "broken": _broken,
    "run": _run,
    "melody": _melody,
    "silence": _silence,
}
