"""The kinds of synthetic corpora besides four-voice polyphony; `KINDS` names them.

Every item comes from (seed, number) alone, so that a corpus of ten is the beginning of one of a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus import Corpus
from ..pyjama.file import Atom, Definition
from .band import Band, draw_band, record, render_notes
from .performance import Performed, Style, draw_style, perform, reduced, window
from .piano import piano_piece
from .room import convolve, pink_noise, room
from .song import NAMES, Song, write_song
from .sound import FAMILIES, draw_instrument, play
from .writing import (
    Float32,
    Make,
    Recording,
    event,
    numbers,
    segment,
    texts,
    write_corpus,
)

SR_HZ = 22050
VERSIONS = 2  # of each song of the covers
STEMS = {
    "melody": "vocals",
    "drums": "drums",
    "bass": "bass",
    "chords": "other",
}  # the words of MUSDB18

Parts = dict[str, Float32]
_TEXT = Definition("global", "text")
_NUMBER = Definition("global", "numeric")
_SEGMENT = Definition("segment", "text")
_FILE = {"filepath": Definition("global", "text", "filepath")}
_SONG = _FILE | {
    "chord": _SEGMENT, "chord_full": _SEGMENT, "section": _SEGMENT, "beat": Definition("marker", "numeric"),
    "key": _TEXT, "tempo_bpm": _NUMBER,
}  # fmt: skip


def make_piano(seed: int, number: int, seconds: float) -> list[Recording]:
    """A piano piece with its notes in `pitchmidi`."""
    rng = np.random.default_rng((seed, number, 1))
    notes = piano_piece(rng, seconds)
    instrument = draw_instrument(rng, "piano")
    n_samples = round(seconds * SR_HZ)
    tuning = float(rng.normal(0, 0.06))
    dry = render_notes(rng, instrument, notes, tuning, n_samples, SR_HZ)
    wet = convolve(dry, room(rng, SR_HZ))
    wet += np.float32(np.abs(wet).max() / 3) * pink_noise(rng, n_samples)
    audio = wet * np.float32(rng.uniform(0.3, 0.9) / np.abs(wet).max())
    key = f"piano{number:04d}.wav"
    pitches = tuple(
        segment(round(n.midi), n.onset_s, n.end_s - n.onset_s) for n in notes
    )
    return [
        Recording(
            key,
            audio,
            {"filepath": texts(key), "piece": texts(key[:-4]), "pitchmidi": pitches},
        )
    ]


def make_notes(seed: int, number: int, seconds: float) -> list[Recording]:
    """A single note of a random family, pitch and strength, in a room."""
    rng = np.random.default_rng((seed, number, 2))
    family = FAMILIES[number % len(FAMILIES)]
    midi = int(rng.integers(*((28, 52) if family == "bass" else (40, 88))))
    velocity = float(rng.uniform(0.3, 1.0))
    held_s = float(rng.uniform(0.3, 0.9)) * seconds
    n_samples = round(seconds * SR_HZ)
    note = play(
        rng,
        draw_instrument(rng, family),
        midi + rng.normal(0, 0.1),
        velocity,
        held_s,
        SR_HZ,
    )[:n_samples]
    dry = np.zeros(n_samples, np.float32)
    dry[: len(note)] = note
    audio = convolve(dry, room(rng, SR_HZ)) + np.float32(0.3) * pink_noise(
        rng, n_samples
    )
    audio *= np.float32(rng.uniform(0.2, 0.9) / np.abs(audio).max())
    key = f"note{number:05d}.wav"
    own = {
        "instrument": texts(family),
        "midi": numbers(midi),
        "velocity": numbers(velocity),
    }
    return [Recording(key, audio, {"filepath": texts(key), **own})]


def make_song(seed: int, number: int) -> list[Recording]:
    """A song with its chords."""
    rng = np.random.default_rng((seed, number, 3))
    song = write_song(rng)
    parts, about = _version(rng, song, faithful=True)
    key = f"song{number:04d}.wav"
    return [Recording(key, _mix(parts), {"filepath": texts(key), **about})]


def make_covers(seed: int, number: int, versions: int) -> list[Recording]:
    """Versions of one song, each with its own key, tempo, tuning, structure and band."""
    rng = np.random.default_rng((seed, number, 4))
    song = write_song(rng)
    made = []
    for version in range(versions):
        parts, about = _version(rng, song, faithful=False)
        key = f"work{number:04d}-{version}.wav"
        work = f"synth{seed}-{number}"  # no other corpus has it
        own = {"work-id": texts(work), "performance-id": texts(f"{work}-{version}")}
        made.append(
            Recording(key, _mix(parts), {"filepath": texts(key), **own, **about})
        )
    return made


def make_tagged(seed: int, number: int, seconds: float) -> list[Recording]:
    """A clip out of a song, with tags: who plays, mode, tempo."""
    rng = np.random.default_rng((seed, number, 5))
    song = write_song(rng)
    band = draw_band(rng)
    style = draw_style(rng, song)
    whole = perform(rng, song, style)
    clip = window(
        whole, float(rng.uniform(0, max(0.0, whole.end_s - seconds))), seconds
    )
    tags = [
        family for part, family in band.families.items() if part in ("chords", "bass")
    ]
    tags += ["drums"] * ("drums" in band.families)
    tags += ["melody"] * ("melody" in band.families and bool(clip.parts["melody"]))
    tags += [
        song.mode,
        "slow" if style.bpm < 90 else "fast" if style.bpm > 125 else "medium tempo",
    ]
    key = f"clip{number:05d}.wav"
    return [
        Recording(
            key,
            _mix(record(rng, clip, band, SR_HZ)),
            {"filepath": texts(key), "tag": texts(*tags)},
        )
    ]


def make_stems(seed: int, number: int) -> list[Recording]:
    """A song and its four stems, whose sum it is."""
    rng = np.random.default_rng((seed, number, 6))
    song = write_song(rng)
    band = Band(
        {"chords": "guitar", "bass": "bass", "melody": "reed", "drums": "kit"}, {}, 0.0
    )
    drawn = draw_band(rng)
    families = {**band.families, **drawn.families}
    levels = {part: drawn.level_db.get(part, 0.0) for part in families}
    performed = perform(rng, song, draw_style(rng, song, faithful=True))
    parts = record(
        rng, performed, Band(families, levels, drawn.tuning_semitones), SR_HZ
    )
    mix = f"song{number:04d}.wav"
    piece = texts(f"song{number:04d}")
    made = [Recording(mix, _mix(parts), {"filepath": texts(mix), "piece": piece})]
    for part, stem in STEMS.items():
        key = f"song{number:04d}-{stem}.wav"
        own = {
            "filepath": texts(key),
            "piece": piece,
            "stem_of": texts(mix),
            "instrument": texts(stem),
        }
        made.append(Recording(key, parts[part], own))
    return made


def _version(
    rng: np.random.Generator, song: Song, *, faithful: bool
) -> tuple[Parts, dict[str, tuple[Atom, ...]]]:
    style = draw_style(rng, song, faithful=faithful)
    band = draw_band(rng)
    performed = perform(rng, song, style)
    return record(rng, performed, band, SR_HZ), _about(song, style, performed)


def _mix(parts: Parts) -> Float32:
    """The sum in the order of the parts: that of the stems, bit for bit."""
    return np.asarray(
        sum(
            parts[part]
            for part in ("melody", "drums", "bass", "chords")
            if part in parts
        ),
        np.float32,
    )


def _about(
    song: Song, style: Style, performed: Performed
) -> dict[str, tuple[Atom, ...]]:
    chords = performed.chords
    key = f"{NAMES[(song.tonic + style.transpose) % 12]} {song.mode}"
    return {
        "chord": tuple(
            segment(reduced(c.value), c.time_s, c.duration_s) for c in chords
        ),
        "chord_full": tuple(segment(c.value, c.time_s, c.duration_s) for c in chords),
        "section": tuple(
            segment(s.value, s.time_s, s.duration_s) for s in performed.sections
        ),
        "beat": tuple(
            event(1 + n % 4, time_s) for n, time_s in enumerate(performed.beats_s[:-1])
        ),
        "key": texts(key),
        "tempo_bpm": numbers(style.bpm),
    }


@dataclass(frozen=True)
class Kind:
    """How a corpus is made: `n` items by default, of `seconds` where they are clips."""

    text: str
    make: Make
    definitions: Mapping[str, Definition]
    n: int
    seconds: float | None = None


KINDS = {
    "piano": Kind(
        "piano pieces with their notes", make_piano,
        _FILE | {"piece": _TEXT, "pitchmidi": Definition("segment", "numeric")}, 60, 30.0,
    ),
    "notes": Kind(
        "single notes by instrument", make_notes,
        _FILE | {"instrument": _TEXT, "midi": _NUMBER, "velocity": _NUMBER}, 500, 3.0,
    ),
    "chords": Kind("songs with their chords, beats and sections", make_song, _SONG, 40),
    "covers": Kind(
        "versions of songs: other key, tempo, tuning, structure, timbre", make_covers,
        _SONG | {"work-id": _TEXT, "performance-id": _TEXT}, 40,
    ),
    "tagged": Kind("clips with tags: instruments, mode, tempo", make_tagged, _FILE | {"tag": _TEXT}, 200, 10.0),
    "stems": Kind(
        "songs with their stems: vocals, drums, bass, other", make_stems,
        _FILE | {"piece": _TEXT, "stem_of": _TEXT, "instrument": _TEXT}, 20,
    ),
}  # fmt: skip


def synthesise(
    kind: str,
    folder: str | Path,
    n: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    on_done: Callable[[str], None] | None = None,
) -> Corpus:
    """Write a corpus of `n` items (of works, for covers), clips of `seconds`; the same arguments, the same bytes.

    Raises DataError E408 if the folder cannot be written.
    """
    known = KINDS[kind]
    if known.seconds is None:
        last: tuple[float, ...] = ()
    else:
        last = (seconds or known.seconds,)
    if kind == "covers":
        last = (VERSIONS,)
    given = [(seed, number, *last) for number in range(n or known.n)]
    return write_corpus(
        folder,
        kind,
        known.definitions,
        known.make,
        given,
        sr_hz=SR_HZ,
        n_jobs=n_jobs,
        on_done=on_done,
    )
