"""A band: instruments for the parts of a performance, and the recording of it, part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .drums import play_drums
from .performance import Performed, Sounding
from .room import convolve, pink_noise, room
from .score import Note
from .sound import Instrument, draw_instrument, play
from .tone import FAMILIES as VOICES
from .tone import Performance, draw_timbre, render

Float32 = NDArray[np.float32]
CHORDS = ("piano", "guitar", "electric piano", "organ", "strings", "synthesizer")
PARTS = ("chords", "bass", "melody", "drums")


@dataclass(frozen=True)
class Band:
    """Who plays: the family of each part (of the melody: one voice, of `tone`), and how loud in dB."""

    families: dict[str, str]
    level_db: dict[str, float]
    tuning_semitones: float


def draw_band(rng: np.random.Generator) -> Band:
    """Chords always; bass, melody and drums mostly."""
    families = {"chords": str(rng.choice(CHORDS))}
    for part, family, chance in (
        ("bass", "bass", 0.9),
        ("melody", str(rng.choice(VOICES)), 0.9),
        ("drums", "kit", 0.75),
    ):
        if rng.random() < chance:
            families[part] = family

    # Drums are short and sharp: at the power of the others they would cover them.
    level_db = {part: float(rng.uniform(-6, 3)) for part in families}
    if "drums" in level_db:
        level_db["drums"] -= 3.0
    return Band(families, level_db, float(rng.normal(0, 0.12)))


def record(
    rng: np.random.Generator, performed: Performed, band: Band, sr_hz: int
) -> dict[str, Float32]:
    """Each part as (N,), in one room; their sum is the mix, with a peak of .4 to .9."""
    n_samples = round(performed.end_s * sr_hz)
    # One room for all, as of a band that plays together.
    response = room(rng, sr_hz)
    parts: dict[str, Float32] = {}
    for part, family in band.families.items():
        dry = _dry(
            rng, part, family, performed, band.tuning_semitones, n_samples, sr_hz
        )
        # Levels are set before the room, so that how much it rings does not depend on the part.
        power = np.sqrt(np.mean(np.square(dry))) or 1.0
        gain = np.float32(0.1 * 10.0 ** (band.level_db[part] / 20) / power)
        parts[part] = convolve(dry * gain, response)

    # The noise of the room goes into the one part that is always there: the stems still sum to the mix.
    parts["chords"] = parts["chords"] + np.float32(0.1) * pink_noise(rng, n_samples)

    # One gain for all parts, so that the balance and the sum stay as they are.
    peak = np.abs(sum(parts.values())).max()
    loudness = np.float32(rng.uniform(0.4, 0.9) / peak)
    return {part: sound * loudness for part, sound in parts.items()}


def _dry(
    rng: np.random.Generator,
    part: str,
    family: str,
    performed: Performed,
    tuning: float,
    n_samples: int,
    sr_hz: int,
) -> Float32:
    if part == "drums":
        # A bar has four beats, and the last one may be cut short.
        ends = np.array([*performed.beats_s[:-1:4], *performed.beats_s[-1:]])
        return play_drums(rng, ends, n_samples, sr_hz)
    notes = performed.parts[part]
    if part == "melody":
        return sing(rng, family, notes, tuning, n_samples, sr_hz)
    return render_notes(
        rng, draw_instrument(rng, family), notes, tuning, n_samples, sr_hz
    )


def render_notes(
    rng: np.random.Generator,
    instrument: Instrument,
    notes: list[Sounding],
    tuning_semitones: float,
    n_samples: int,
    sr_hz: int,
) -> Float32:
    """Notes of an instrument that can sound together: (n_samples,)."""
    sound = np.zeros(n_samples, np.float32)
    for note in notes:
        first = int(note.onset_s * sr_hz)
        one = play(
            rng,
            instrument,
            note.midi + tuning_semitones,
            note.velocity,
            note.end_s - note.onset_s,
            sr_hz,
        )
        # The last notes ring on beyond the end of the recording.
        one = one[: max(0, n_samples - first)]
        sound[first : first + len(one)] += one
    return sound


def sing(
    rng: np.random.Generator,
    family: str,
    notes: list[Sounding],
    tuning: float,
    n_samples: int,
    sr_hz: int,
) -> Float32:
    """A melody of one voice, with glides and vibrato; silence where there are no notes."""
    if not notes:
        return np.zeros(n_samples, np.float32)

    # A voice sings one tone at a time: the next one cuts it off, and is tied to it if less than 30 ms lie between.
    ends = [*(note.onset_s for note in notes[1:]), np.inf]
    line = [
        Note(
            note.onset_s,
            min(note.end_s, end),
            round(note.midi),
            i > 0 and note.onset_s - notes[i - 1].end_s < 0.03,
        )
        for i, (note, end) in enumerate(zip(notes, ends, strict=True))
    ]
    timbre = draw_timbre(rng, family)
    return render(
        rng, Performance.draw(rng, line, timbre, tuning), timbre, n_samples, sr_hz
    )
