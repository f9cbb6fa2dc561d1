"""A song performed in a style: voicings are chosen, and every note gets its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .labels import Label, labels_of, merged
from .song import QUALITIES, Chord, Section, Song
from .style import BASS, COMPING, Style


@dataclass(frozen=True)
class Sounding:
    """A note: from when to when in s, its pitch, how strongly it is played (0 to 1)."""

    onset_s: float
    end_s: float
    midi: float
    velocity: float


@dataclass(frozen=True)
class Performed:
    """Notes by part, and all that is true of them."""

    parts: dict[str, list[Sounding]]
    chords: list[Label]
    sections: list[Label]
    beats_s: list[float]
    end_s: float


def perform(rng: np.random.Generator, song: Song, style: Style) -> Performed:
    """Every note of a version of a song; half a second to two of silence before and after are N."""
    start_s = float(rng.uniform(0.3, 2.0))
    beat_s = 60.0 / style.bpm
    tonic = song.tonic + style.transpose
    parts: dict[str, list[Sounding]] = {"chords": [], "bass": [], "melody": []}
    labels = [Label("N", 0.0, start_s)]
    sections = []
    beats = 0
    for letter in style.order:
        section = song.sections[letter.upper()]
        # From the count of beats, not from the section before: sums of seconds would drift off the beats.
        here_s = start_s + beats * beat_s
        clock = _clock(here_s, beat_s, style.swing)
        _play(rng, section, tonic, style, clock, parts, melody=letter.isupper())
        labels += labels_of(section, tonic, here_s, beat_s)
        sections.append(Label(letter.upper(), here_s, section.beats * beat_s))
        beats += section.beats

    stop_s = start_s + beats * beat_s
    end_s = stop_s + float(rng.uniform(0.5, 2.0))
    labels.append(Label("N", stop_s, end_s - stop_s))
    times = [start_s + n * beat_s for n in range(beats + 1)]
    return Performed(parts, merged(labels), sections, times, end_s)


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
            # Of a note that only grazes the window nothing could be heard.
            if note.onset_s < end_s - 0.02 and note.end_s > start_s + 0.02
        ]
        for part, notes in performed.parts.items()
    }
    beats_s = [
        beat_s - start_s for beat_s in performed.beats_s if start_s <= beat_s < end_s
    ]
    return Performed(parts, [], [], beats_s, seconds)


def beginning(performed: Performed, seconds: float) -> Performed:
    """The first seconds of it, with their labels; all of it where it is shorter."""
    if performed.end_s <= seconds:
        return performed
    cut = window(performed, 0.0, seconds)
    chords = _until(performed.chords, seconds)
    sections = _until(performed.sections, seconds)
    # The last beat of a performance is where its last bar ends, not a beat that sounds.
    beats_s = cut.beats_s
    if len(beats_s) < len(performed.beats_s):
        beats_s = [*beats_s, seconds]
    return replace(cut, chords=chords, sections=sections, beats_s=beats_s)


def _until(labels: list[Label], end_s: float) -> list[Label]:
    """The labels before a moment; the one that goes on there ends there."""
    kept = []
    for label in labels:
        if label.time_s < end_s:
            left_s = end_s - label.time_s
            kept.append(replace(label, duration_s=min(label.duration_s, left_s)))
    return kept


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
            # No hand strikes all tones at once: a chord is spread from below, and every tone a little off.
            spread_s = float(rng.uniform(0.0, 0.02))
            stop_s = clock(beat + offset + beats)
            for number, midi in enumerate(tones):
                onset_s = (
                    clock(beat + offset)
                    + number * spread_s
                    + rng.normal(0, style.looseness_s)
                )
                parts["chords"].append(_note(rng, onset_s, stop_s, midi, 0.55))

        # The pattern is of four beats: of a shorter chord only its beginning is played.
        for offset, beats, tone in BASS[style.bass]:
            if offset < chord.beats:
                midi = _bass(chord, tonic, tone)
                onset_s = clock(beat + offset) + rng.normal(0, style.looseness_s)
                stop_s = clock(beat + min(offset + beats, chord.beats))
                parts["bass"].append(_note(rng, onset_s, stop_s, midi, 0.7))
        beat += chord.beats

    # A melody belongs to the section, whatever its chords; its tones stop a little early, to be heard apart.
    for one in section.melody if melody else ():
        midi = style.melody_octave + tonic % 12 + one.semitones
        onset_s = clock(one.beat) + rng.normal(0, style.looseness_s)
        stop_s = clock(one.beat + 0.95 * one.beats)
        parts["melody"].append(_note(rng, onset_s, stop_s, midi, 0.75))


def _struck(
    style: Style, chord: Chord, voicing: list[int]
) -> Iterator[tuple[float, float, list[int]]]:
    """When the tones of a chord are struck: (beat, beats, tones)."""
    if style.arpeggio:
        for eighth in range(2 * chord.beats):
            yield eighth / 2, 1.0, [voicing[eighth % len(voicing)]]
        return

    # No chord may sound on under the next one.
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
            # A performer keeps near the last chord, is drawn back to the register, and does not always do so.
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
        # A bare fifth has no third, so its fifth is the last tone.
        above = tones[-1 if len(tones) == 2 else 2]
    # The octave above A1 (MIDI 33), where the lowest strings of a bass lie.
    return 33 + (tonic + chord.root + above - 33) % 12
