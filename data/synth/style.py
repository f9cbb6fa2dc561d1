"""How a song is performed: key, tempo, order of the sections, and the rhythms of chords and bass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .song import Song

# (beat, beats) in four beats
COMPING: dict[str, tuple[tuple[float, float], ...]] = {
    "held": ((0, 4),),
    "beats": ((0, 1), (1, 1), (2, 1), (3, 1)),
    "eighths": tuple((i / 2, 0.5) for i in range(8)),
    "offbeats": ((0.5, 0.4), (1.5, 0.4), (2.5, 0.4), (3.5, 0.4)),
    "syncopated": ((0, 1.5), (1.5, 1), (2.5, 1.5)),
}

# (beat, beats, which tone: 0 the lowest, 1 the fifth) in four beats
BASS: dict[str, tuple[tuple[float, float, int], ...]] = {
    "held": ((0, 4, 0),),
    "beats": ((0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 1, 0)),
    "fifths": ((0, 2, 0), (2, 2, 1)),
    "eighths": tuple((i / 2, 0.5, 0) for i in range(8)),
}


@dataclass(frozen=True)
class Style:
    """What a performance makes of a song; `order` the sections it plays, lower-case ones without the melody."""

    transpose: int
    bpm: float
    order: str
    comping: str
    arpeggio: bool
    bass: str
    register: int  # MIDI number that chords lie around
    melody_octave: int
    swing: float  # of an eighth: how late the second one comes
    looseness_s: float


def draw_style(
    rng: np.random.Generator, song: Song, *, faithful: bool = False
) -> Style:
    """`faithful`: in the song's own key, tempo and order; else another performer's version of it."""
    if faithful:
        far = 0
        tempo = 1.0
        order = song.order
    else:
        # Versions lie up to half an octave apart, and their tempos evenly on a scale of ratios.
        far = int(rng.integers(-6, 6))
        tempo = float(np.exp(rng.uniform(np.log(0.75), np.log(1.35))))
        order = rearranged(rng, song.order)
    return Style(
        transpose=far,
        bpm=float(np.clip(song.bpm * tempo, 55, 190)),
        order=order,
        comping=str(rng.choice(list(COMPING))),
        arpeggio=bool(rng.random() < 0.3),
        bass=str(rng.choice(list(BASS))),
        register=int(rng.integers(55, 68)),
        melody_octave=int(rng.choice([60, 60, 72])),
        swing=float(rng.uniform(0.1, 0.35)) if rng.random() < 0.25 else 0.0,
        looseness_s=float(rng.uniform(0.003, 0.015)),
    )


def rearranged(rng: np.random.Generator, order: str) -> str:
    """Sections of a song left out, repeated, or played without the melody."""
    letters = list(order)

    # Three sections are the least that still have a form.
    if len(letters) > 3 and rng.random() < 0.5:
        del letters[rng.integers(len(letters))]

    # A repeated section follows itself, so that the song does not lose its order.
    if rng.random() < 0.4:
        at = int(rng.integers(len(letters)))
        letters.insert(at, letters[at])

    # An introduction, and then perhaps a solo: lower case leaves the melody out.
    if rng.random() < 0.5:
        letters.insert(0, letters[0].lower())
    if rng.random() < 0.3:
        at = int(rng.integers(1, len(letters)))
        letters[at] = letters[at].lower()
    return "".join(letters)
