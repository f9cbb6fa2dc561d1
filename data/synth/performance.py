"""A song performed: key, tempo, structure, voicings and rhythm are chosen, and every note gets its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .song import NAMES, QUALITIES, REDUCED, Chord, Section, Song

COMPING: dict[str, tuple[tuple[float, float], ...]] = {  # (beat, beats) in four beats
    "held": ((0, 4),),
    "beats": ((0, 1), (1, 1), (2, 1), (3, 1)),
    "eighths": tuple((i / 2, 0.5) for i in range(8)),
    "offbeats": ((0.5, 0.4), (1.5, 0.4), (2.5, 0.4), (3.5, 0.4)),
    "syncopated": ((0, 1.5), (1.5, 1), (2.5, 1.5)),
}
BASS: dict[
    str, tuple[tuple[float, float, int], ...]
] = {  # (beat, beats, which tone: 0 the lowest, 1 the fifth)
    "held": ((0, 4, 0),),
    "beats": ((0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 1, 0)),
    "fifths": ((0, 2, 0), (2, 2, 1)),
    "eighths": tuple((i / 2, 0.5, 0) for i in range(8)),
}


@dataclass(frozen=True)
class Sounding:
    """A note: from when to when in s, its pitch, how strongly it is played (0 to 1)."""

    onset_s: float
    end_s: float
    midi: float
    velocity: float


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


@dataclass(frozen=True)
class Label:
    """A stretch of time with a name."""

    value: str
    time_s: float
    duration_s: float


@dataclass(frozen=True)
class Performed:
    """Notes by part, and all that is true of them."""

    parts: dict[str, list[Sounding]]
    chords: list[Label]
    sections: list[Label]
    beats_s: list[float]
    end_s: float


def draw_style(
    rng: np.random.Generator, song: Song, *, faithful: bool = False
) -> Style:
    """`faithful`: in the song's own key, tempo and order; else another performer's version of it."""
    if faithful:
        far = 0
    else:
        far = int(rng.integers(-6, 6))
    if faithful:
        tempo = 1.0
    else:
        tempo = float(np.exp(rng.uniform(np.log(0.75), np.log(1.35))))
    return Style(
        transpose=far,
        bpm=float(np.clip(song.bpm * tempo, 55, 190)),
        order=song.order if faithful else rearranged(rng, song.order),
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
    if len(letters) > 3 and rng.random() < 0.5:
        del letters[rng.integers(len(letters))]
    if rng.random() < 0.4:
        at = int(rng.integers(len(letters)))
        letters.insert(at, letters[at])
    if rng.random() < 0.5:
        letters.insert(0, letters[0].lower())
    if rng.random() < 0.3:
        at = int(rng.integers(1, len(letters)))
        letters[at] = letters[at].lower()
    return "".join(letters)


def perform(rng: np.random.Generator, song: Song, style: Style) -> Performed:
    """Every note of a version of a song; half a second to two of silence before and after are N."""
    start_s = float(rng.uniform(0.3, 2.0))
    beat_s = 60.0 / style.bpm
    parts: dict[str, list[Sounding]] = {"chords": [], "bass": [], "melody": []}
    labels = [Label("N", 0.0, start_s)]
    sections = []
    beats = 0
    for letter in style.order:
        section = song.sections[letter.upper()]
        clock = _clock(start_s + beats * beat_s, beat_s, style.swing)
        _play(
            rng,
            section,
            song.tonic + style.transpose,
            style,
            clock,
            parts,
            melody=letter.isupper(),
        )
        labels += _labels(
            section, song.tonic + style.transpose, start_s + beats * beat_s, beat_s
        )
        sections.append(
            Label(letter.upper(), start_s + beats * beat_s, section.beats * beat_s)
        )
        beats += section.beats
    stop_s = start_s + beats * beat_s
    end_s = stop_s + float(rng.uniform(0.5, 2.0))
    labels.append(Label("N", stop_s, end_s - stop_s))
    times = [start_s + n * beat_s for n in range(beats + 1)]
    return Performed(parts, _merged(labels), sections, times, end_s)


def window(performed: Performed, start_s: float, seconds: float) -> Performed:
    """The notes and beats of a stretch of it, which begins at 0; labels are left out."""
    end_s = start_s + seconds
    parts = {
        part: [
            replace(
                note,
                onset_s=max(note.onset_s - start_s, 0.0),
                end_s=min(note.end_s, end_s) - start_s,
            )
            for note in notes
            if note.onset_s < end_s - 0.02 and note.end_s > start_s + 0.02
        ]
        for part, notes in performed.parts.items()
    }
    beats_s = [
        beat_s - start_s for beat_s in performed.beats_s if start_s <= beat_s < end_s
    ]
    return Performed(parts, [], [], beats_s, seconds)


Clock = Callable[[float], float]


def _clock(start_s: float, beat_s: float, swing: float) -> Clock:
    """Beats to seconds; swung eighths come late."""

    def at(beat: float) -> float:
        if abs(beat % 1 - 0.5) < 1e-6:
            late = swing / 2
        else:
            late = 0.0
        return start_s + (beat + late) * beat_s

    return at


def _play(
    rng: np.random.Generator,
    section: Section,
    tonic: int,
    style: Style,
    clock: Clock,
    parts: dict[str, list[Sounding]],
    *,
    melody: bool,
) -> None:
    beat = 0
    before = float(style.register)
    for chord in section.chords:
        voicing = _voicing(rng, chord, tonic, style.register, before)
        before = float(np.mean(voicing))
        for offset, beats, tones in _struck(style, chord, voicing):
            spread_s = float(rng.uniform(0.0, 0.02))
            for number, midi in enumerate(tones):
                onset = (
                    clock(beat + offset)
                    + number * spread_s
                    + rng.normal(0, style.looseness_s)
                )
                parts["chords"].append(
                    _note(rng, onset, clock(beat + offset + beats), midi, 0.55)
                )
        for offset, beats, tone in BASS[style.bass]:
            if offset < chord.beats:
                midi = _bass(chord, tonic, tone)
                stop = clock(beat + min(offset + beats, chord.beats))
                parts["bass"].append(
                    _note(
                        rng,
                        clock(beat + offset) + rng.normal(0, style.looseness_s),
                        stop,
                        midi,
                        0.7,
                    )
                )
        beat += chord.beats
    for one in section.melody if melody else ():
        midi = style.melody_octave + tonic % 12 + one.semitones
        onset = clock(one.beat) + rng.normal(0, style.looseness_s)
        parts["melody"].append(
            _note(rng, onset, clock(one.beat + 0.95 * one.beats), midi, 0.75)
        )


def _struck(
    style: Style, chord: Chord, voicing: list[int]
) -> Iterator[tuple[float, float, list[int]]]:
    """When the tones of a chord are struck: (beat, beats, tones)."""
    if style.arpeggio:
        for eighth in range(2 * chord.beats):
            yield eighth / 2, 1.0, [voicing[eighth % len(voicing)]]
        return
    for offset, beats in COMPING[style.comping]:
        if offset < chord.beats:
            yield offset, min(beats, chord.beats - offset), voicing


def _note(
    rng: np.random.Generator, onset_s: float, end_s: float, midi: float, velocity: float
) -> Sounding:
    onset_s = max(onset_s, 0.0)
    length_s = max(end_s - onset_s, 0.05) * rng.uniform(0.85, 1.0)
    return Sounding(
        onset_s,
        onset_s + length_s,
        midi,
        float(np.clip(velocity + rng.normal(0, 0.1), 0.2, 1.0)),
    )


def _voicing(
    rng: np.random.Generator, chord: Chord, tonic: int, register: int, before: float
) -> list[int]:
    """The tones of a chord close together, in the inversion nearest to the chord before and to the register."""
    classes = [(tonic + chord.root + tone) % 12 for tone in QUALITIES[chord.quality]]
    options = []
    for low in range(register - 9, register + 4):
        if low % 12 in classes:
            tones = sorted(low + (c - low) % 12 for c in classes)
            cost = (
                abs(np.mean(tones) - before)
                + 0.3 * abs(np.mean(tones) - register)
                + rng.exponential(0.7)
            )
            options.append((cost, tones))
    return min(options)[1]


def _bass(chord: Chord, tonic: int, tone: int) -> int:
    tones = QUALITIES[chord.quality]
    if tone == 0:
        above = tones[min(chord.inversion, len(tones) - 1)]
    else:
        above = tones[-1 if len(tones) == 2 else 2]
    return 33 + (tonic + chord.root + above - 33) % 12


def _labels(section: Section, tonic: int, start_s: float, beat_s: float) -> list[Label]:
    found = []
    beat = 0
    for chord in section.chords:
        name = f"{NAMES[(tonic + chord.root) % 12]}:{chord.quality}"
        if chord.inversion:
            name += "/" + DEGREES[QUALITIES[chord.quality][chord.inversion]]
        found.append(Label(name, start_s + beat * beat_s, chord.beats * beat_s))
        beat += chord.beats
    return found


DEGREES = {
    3: "b3",
    4: "3",
    5: "4",
    6: "b5",
    7: "5",
}  # Harte's names of the intervals that stand in the bass


def _merged(labels: list[Label]) -> list[Label]:
    """Equal neighbours as one."""
    merged: list[Label] = []
    for label in labels:
        if merged and merged[-1].value == label.value:
            merged[-1] = replace(
                merged[-1],
                duration_s=label.time_s + label.duration_s - merged[-1].time_s,
            )
        else:
            merged.append(label)
    return merged


def reduced(label: str) -> str:
    """A chord among 24 major and minor ones, N, or X for what is neither."""
    root, _, rest = label.partition(":")
    quality = REDUCED.get(rest.partition("/")[0])
    if quality:
        return f"{root}:{quality}"
    if label == "N":
        return "N"
    return "X"
