"""Songs on paper: sections with chords and a melody, in beats, in one key; performers make music of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
QUALITIES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10),
    "maj6": (0, 4, 7, 9), "sus4": (0, 5, 7), "dim": (0, 3, 6), "5": (0, 7),
}  # fmt: skip
# The major or minor chord that a quality is reduced to; the others become X.
REDUCED = {
    "maj": "maj",
    "min": "min",
    "7": "maj",
    "maj7": "maj",
    "min7": "min",
    "maj6": "maj",
}
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Semitones over the tonic, and quality: loops of 4 or 8 chords.
_LOOPS: dict[str, tuple[tuple[tuple[int, str], ...], ...]] = {
    "major": (
        ((0, "maj"), (7, "maj"), (9, "min"), (5, "maj")),
        ((0, "maj"), (9, "min"), (5, "maj"), (7, "maj")),
        ((9, "min"), (5, "maj"), (0, "maj"), (7, "maj")),
        ((0, "maj"), (5, "maj"), (7, "maj"), (5, "maj")),
        ((2, "min"), (7, "maj"), (0, "maj"), (9, "min")),
        ((0, "maj"), (10, "maj"), (5, "maj"), (0, "maj")),
        ((0, "maj"), (4, "min"), (5, "maj"), (7, "maj")),
        ((5, "maj"), (5, "min"), (0, "maj"), (0, "maj")),
        ((0, "maj"), (4, "maj"), (9, "min"), (5, "maj")),
        (
            (0, "maj"),
            (7, "maj"),
            (9, "min"),
            (4, "min"),
            (5, "maj"),
            (0, "maj"),
            (5, "maj"),
            (7, "maj"),
        ),
        (
            (0, "maj"),
            (0, "maj"),
            (5, "maj"),
            (0, "maj"),
            (7, "maj"),
            (5, "maj"),
            (0, "maj"),
            (7, "maj"),
        ),
    ),
    "minor": (
        ((0, "min"), (10, "maj"), (8, "maj"), (7, "maj")),
        ((0, "min"), (8, "maj"), (3, "maj"), (10, "maj")),
        ((0, "min"), (5, "min"), (0, "min"), (7, "maj")),
        ((0, "min"), (3, "maj"), (10, "maj"), (5, "maj")),
        (
            (0, "min"),
            (5, "min"),
            (10, "maj"),
            (3, "maj"),
            (8, "maj"),
            (2, "dim"),
            (7, "maj"),
            (0, "min"),
        ),
        ((0, "min"), (7, "min"), (8, "maj"), (10, "maj")),
    ),
}
# Lengths of the tones of a bar, in beats.
_RHYTHMS = (
    (1, 1, 2),
    (1.5, 0.5, 2),
    (0.5, 0.5, 1, 1, 1),
    (2, 1, 1),
    (1, 0.5, 0.5, 2),
    (3, 1),
)


@dataclass(frozen=True)
class Chord:
    """`root` in semitones over the tonic, a `quality` of `QUALITIES`; `inversion`: which tone is in the bass."""

    root: int
    quality: str
    beats: int
    inversion: int = 0


@dataclass(frozen=True)
class Tone:
    """A tone of the melody: from which beat of the section, for how many, semitones over the tonic."""

    beat: float
    beats: float
    semitones: int


@dataclass(frozen=True)
class Section:
    """Some bars of four beats; an empty list of chords is a part without harmony (N)."""

    chords: tuple[Chord, ...]
    melody: tuple[Tone, ...]

    @property
    def beats(self) -> int:
        return sum(chord.beats for chord in self.chords)


@dataclass(frozen=True)
class Song:
    """Sections by letter, their order, the tonic (0 is C) and the tempo."""

    sections: dict[str, Section]
    order: str
    tonic: int
    mode: str
    bpm: float


def write_song(rng: np.random.Generator) -> Song:
    """A song of two or three sections in verse and chorus form."""
    if rng.random() < 0.65:
        mode = "major"
    else:
        mode = "minor"
    letters = "ABC"[: rng.integers(2, 4)]
    sections = {letter: _section(rng, mode) for letter in letters}
    if len(letters) == 3:
        orders = ["AABAB", "ABABCB", "AABACAB", "ABAB"]
    else:
        orders = ["AABAB", "ABAB", "AABABB"]
    order = rng.choice(orders)
    # Tempos are spread evenly by ratio, as they are perceived.
    bpm = float(np.exp(rng.uniform(np.log(66), np.log(160))))
    return Song(sections, str(order), int(rng.integers(12)), mode, bpm)


def _section(rng: np.random.Generator, mode: str) -> Section:
    loop = _LOOPS[mode][rng.integers(len(_LOOPS[mode]))]
    beats = int(rng.choice([2, 4], p=[0.3, 0.7]))
    # Sections are of 16 or 32 beats, four or eight bars, however long the loop is.
    length = 32 if rng.random() < 0.5 else 16
    turns = max(1, length // (beats * len(loop)))
    chords = tuple(
        _coloured(rng, root, quality, beats)
        for _ in range(turns)
        for root, quality in loop
    )
    return Section(chords, _melody(rng, chords, MAJOR if mode == "major" else MINOR))


def _coloured(rng: np.random.Generator, root: int, quality: str, beats: int) -> Chord:
    """Now and then a seventh, a sixth, a suspension, a bare fifth, another tone in the bass."""
    if quality == "maj" and rng.random() < 0.25:
        colours = ["7", "maj7", "maj6", "sus4", "5"]
        quality = str(rng.choice(colours, p=[0.4, 0.2, 0.15, 0.15, 0.1]))
    elif quality == "min" and rng.random() < 0.25:
        quality = "min7"
    # A bare fifth has no third to be put into the bass.
    inversion = 0
    if rng.random() < 0.12 and quality != "5":
        inversion = int(rng.integers(1, 3))
    return Chord(root, quality, beats, inversion)


def _melody(
    rng: np.random.Generator, chords: tuple[Chord, ...], scale: tuple[int, ...]
) -> tuple[Tone, ...]:
    """A rhythm of four beats, repeated; strong beats on tones of the chord, the others step along the scale."""
    # The rhythm returns in every chord: a melody is remembered by it.
    rhythm = _rhythm(rng)
    tones = []
    start = 0
    here = int(rng.integers(0, 12))
    for chord in chords:
        classes = {(chord.root + t) % 12 for t in QUALITIES[chord.quality]}
        for beat, beats in rhythm:
            # Of a chord of two beats only the first half of the rhythm fits; rests are left by chance.
            if beat >= chord.beats or rng.random() < 0.08:
                continue
            if beat % 2 == 0:
                allowed = classes
            else:
                allowed = classes | set(scale)
            # Small steps are likely: the weight falls by e for every three semitones from a point near the last tone.
            near = [s for s in range(-3, 17) if s % 12 in allowed]
            weight = np.exp(-0.35 * np.abs(np.array(near) - here - rng.normal(0, 1.5)))
            here = int(rng.choice(near, p=weight / weight.sum()))
            tones.append(Tone(start + beat, min(beats, chord.beats - beat), here))
        start += chord.beats
    return tuple(tones)


def _rhythm(rng: np.random.Generator) -> list[tuple[float, float]]:
    lengths = _RHYTHMS[rng.integers(len(_RHYTHMS))]
    return list(
        zip(
            np.concatenate([[0.0], np.cumsum(lengths)[:-1]]).tolist(),
            lengths,
            strict=True,
        )
    )
