"""The kinds of synthetic corpora besides four-voice polyphony; `KINDS` names them.

Every item comes from (seed, number) alone, so that a corpus of ten is the beginning of one of a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..corpus import Corpus
from ..pyjama.file import Definition
from .band import render_notes
from .grand import draw_grand, render_grand
from .performance import Sounding
from .piano import piano_piece
from .refusing import refuse_count, refuse_seconds
from .room import Float32, convolve, pink_noise, room
from .songs import make_covers, make_song, make_stems, make_tagged
from .sound import FAMILIES, draw_instrument, play
from .writing import SR_HZ, Make, Recording, numbers, segment, texts, write_corpus

VERSIONS = 2  # of each song of the covers
_TEXT = Definition("global", "text")
_NUMBER = Definition("global", "numeric")
_SEGMENT = Definition("segment", "text")
_FILE = {"filepath": Definition("global", "text", "filepath")}
_SONG = _FILE | {
    "chord": _SEGMENT, "chord_full": _SEGMENT, "section": _SEGMENT, "beat": Definition("marker", "numeric"),
    "key": _TEXT, "tempo_bpm": _NUMBER,
}  # fmt: skip


def make_piano(seed: int, number: int, seconds: float) -> list[Recording]:
    """A piano piece with its notes in `pitchmidi`, and how strongly they are struck in `velocity`, as MIDI counts."""
    # The last number is the kind's own: else the piano and the song of a number would share their draws.
    rng = np.random.default_rng((seed, number, 1))
    notes = piano_piece(rng, seconds)
    instrument = draw_instrument(rng, "piano")
    n_samples = round(seconds * SR_HZ)
    tuning = float(rng.normal(0, 0.06))
    dry = render_notes(rng, instrument, notes, tuning, n_samples, SR_HZ)
    return [recorded_piano(rng, f"piano{number:04d}.wav", dry, notes)]


def make_grand(seed: int, number: int, seconds: float) -> list[Recording]:
    """A piano piece on a grand piano, see `grand`, with its notes and velocities."""
    rng = np.random.default_rng((seed, number, 9))
    pedals: list[tuple[float, float]] = []
    notes = piano_piece(rng, seconds, pedals)
    n_samples = round(seconds * SR_HZ)
    dry = render_grand(rng, draw_grand(rng), notes, pedals, n_samples, SR_HZ)
    return [recorded_piano(rng, f"grand{number:04d}.wav", dry, notes)]


def recorded_piano(
    rng: np.random.Generator, key: str, dry: Float32, notes: list[Sounding]
) -> Recording:
    """The recording of a piano in a room, with its notes."""
    wet = convolve(dry, room(rng, SR_HZ))
    # The noise is set against the loudest sound, and only then the whole is brought to its level.
    wet += np.float32(np.abs(wet).max() / 3) * pink_noise(rng, len(wet))
    audio = wet * np.float32(rng.uniform(0.3, 0.9) / np.abs(wet).max())
    pitches = []
    velocities = []
    for note in notes:
        spans = (note.onset_s, note.end_s - note.onset_s)
        pitches.append(segment(round(note.midi), *spans))
        velocities.append(segment(round(127 * note.velocity), *spans))
    annotations = {
        "filepath": texts(key),
        "piece": texts(key[:-4]),
        "pitchmidi": tuple(pitches),
        "velocity": tuple(velocities),
    }
    return Recording(key, audio, annotations)


def make_notes(seed: int, number: int, seconds: float) -> list[Recording]:
    """A single note of a random family, pitch and strength, in a room."""
    rng = np.random.default_rng((seed, number, 2))
    family = FAMILIES[number % len(FAMILIES)]
    # MIDI numbers that the instruments can play: E1 to D#3 on the bass, E2 to D#6 on the others.
    if family == "bass":
        low, high = 28, 52
    else:
        low, high = 40, 88
    midi = int(rng.integers(low, high))
    velocity = float(rng.uniform(0.3, 1.0))
    held_s = float(rng.uniform(0.3, 0.9)) * seconds
    n_samples = round(seconds * SR_HZ)

    # The ring after the release may go beyond the clip, a short note leaves silence at its end.
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
    wet = convolve(dry, room(rng, SR_HZ))
    audio = wet + np.float32(0.3) * pink_noise(rng, n_samples)
    audio *= np.float32(rng.uniform(0.2, 0.9) / np.abs(audio).max())
    key = f"note{number:05d}.wav"
    own = {
        "instrument": texts(family),
        "midi": numbers(midi),
        # What the tasks of pitch, and the graphs of notes, call the same number.
        "pitchmidi": numbers(midi),
        "velocity": numbers(velocity),
    }
    return [Recording(key, audio, {"filepath": texts(key), **own})]


@dataclass(frozen=True)
class Kind:
    """How a corpus is made: `n` items by default, of `seconds`; None for songs, which are whole unless they are cut."""

    text: str
    make: Make
    definitions: Mapping[str, Definition]
    n: int
    seconds: float | None = None


PIANO = _FILE | {
    "piece": _TEXT, "pitchmidi": Definition("segment", "numeric"), "velocity": Definition("segment", "numeric"),
}  # fmt: skip
KINDS = {
    "piano": Kind("piano pieces with their notes", make_piano, PIANO, 60, 30.0),
    "grand": Kind(
        "the same on a grand piano: strings that sound along, pedal, hammers", make_grand, PIANO, 60, 30.0,
    ),
    "notes": Kind(
        "single notes by instrument", make_notes,
        _FILE | {"instrument": _TEXT, "midi": _NUMBER, "pitchmidi": _NUMBER, "velocity": _NUMBER}, 500, 3.0,
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


def refuse_channels(kind: str, channels: int) -> None:
    """Raise DataError E470 for channels that the kind does not have."""
    if channels == 1 or (kind == "stems" and channels == 2):
        return
    raise DataError(
        f"channels: {kind} cannot be made with {channels}",
        code="E470",
        help="stems have 1 or 2 channels, the other kinds have 1",
    )


def synthesise(
    kind: str,
    folder: str | Path,
    n: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    on_done: Callable[[str], None] | None = None,
    channels: int = 1,
) -> Corpus:
    """Write a corpus of `n` items (of works, for covers), clips of `seconds`; the same arguments, the same bytes.

    Songs are whole, or with `seconds` their beginnings. Covers always have `VERSIONS` versions.

    With two `channels` each stem of the kind "stems" has a place between left and right. Raises DataError E408 if the
    folder cannot be written, E470 where it holds a corpus already, for an `n` or `seconds` that make no clips, and for
    `channels` that the kind does not have.
    """
    known = KINDS[kind]
    if n is not None:
        refuse_count("n", n)
    if seconds is not None:
        refuse_seconds(seconds)
    refuse_channels(kind, channels)
    last: list[float | None] = [seconds or known.seconds]
    if kind == "covers":
        last = [VERSIONS, *last]
    elif kind == "stems":
        last = [channels, *last]

    # An item is made from its own arguments alone, whichever process makes it.
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
