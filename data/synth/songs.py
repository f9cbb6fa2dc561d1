"""Recordings of songs: with their chords, as covers of one another, as tagged clips, and with their stems."""

from __future__ import annotations

import numpy as np

from ..pyjama.file import Atom
from .band import Band, draw_band, record
from .labels import reduced
from .performance import Performed, beginning, perform, window
from .song import NAMES, Song, write_song
from .style import Style, draw_style
from .writing import SR_HZ, Float32, Recording, event, numbers, segment, texts

# The words of MUSDB18 for the parts of a band.
STEMS = {"melody": "vocals", "drums": "drums", "bass": "bass", "chords": "other"}
Parts = dict[str, Float32]
WIDEST = 0.8  # of the way from the middle to one side


def make_song(seed: int, number: int, seconds: float | None = None) -> list[Recording]:
    """A song with its chords, whole or its first seconds."""
    rng = np.random.default_rng((seed, number, 3))
    song = write_song(rng)
    parts, about = _version(rng, song, seconds, faithful=True)
    key = f"song{number:04d}.wav"
    return [Recording(key, _mix(parts), {"filepath": texts(key), **about})]


def make_covers(
    seed: int, number: int, versions: int, seconds: float | None = None
) -> list[Recording]:
    """Versions of one song, each with its own key, tempo, tuning, structure and band; whole or their first seconds."""
    rng = np.random.default_rng((seed, number, 4))
    song = write_song(rng)
    made = []
    for version in range(versions):
        parts, about = _version(rng, song, seconds, faithful=False)
        key = f"work{number:04d}-{version}.wav"
        # The seed is in the name, so that corpora of other seeds can be joined with this one.
        work = f"synth{seed}-{number}"
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
    start_s = float(rng.uniform(0, max(0.0, whole.end_s - seconds)))
    clip = window(whole, start_s, seconds)

    # Tags say what can be heard: chords and bass by instrument, the melody only where the clip has a note of it.
    tags = [
        family for part, family in band.families.items() if part in ("chords", "bass")
    ]
    if "drums" in band.families:
        tags.append("drums")
    if "melody" in band.families and clip.parts["melody"]:
        tags.append("melody")
    tags += [song.mode, _tempo(style.bpm)]
    key = f"clip{number:05d}.wav"
    return [
        Recording(
            key,
            _mix(record(rng, clip, band, SR_HZ)),
            {"filepath": texts(key), "tag": texts(*tags)},
        )
    ]


def _tempo(bpm: float) -> str:
    if bpm < 90:
        return "slow"
    if bpm > 125:
        return "fast"
    return "medium tempo"


def make_stems(
    seed: int, number: int, channels: int = 1, seconds: float | None = None
) -> list[Recording]:
    """A song and its four stems, whose sum it is; with two channels each stem has a place between left and right."""
    rng = np.random.default_rng((seed, number, 6))
    song = write_song(rng)
    drawn = draw_band(rng)

    # Every song has all four stems: an instrument stands by for each part that the drawn band leaves out.
    standing_by = {
        "chords": "guitar",
        "bass": "bass",
        "melody": "reed",
        "drums": "kit",
    }
    families = standing_by | drawn.families
    levels = {part: drawn.level_db.get(part, 0.0) for part in families}
    performed = perform(rng, song, draw_style(rng, song, faithful=True))
    if seconds is not None:
        performed = beginning(performed, seconds)
    band = Band(families, levels, drawn.tuning_semitones)
    parts = record(rng, performed, band, SR_HZ)
    if channels == 2:
        parts = panned(rng, parts)
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


def panned(rng: np.random.Generator, parts: Parts) -> Parts:
    """Each part (N,) as (2, N) at a place of its own, at the power it has; their mix is not louder than before."""
    peak = np.abs(_mix(parts)).max()
    wide: Parts = {}
    for part, sound in parts.items():
        # The angle is 0 at the left and π / 2 at the right: cos² + sin² keeps the power.
        angle = np.pi / 4 * (1 + rng.uniform(-WIDEST, WIDEST))
        gains = np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
        wide[part] = gains.astype(np.float32)[:, None] * sound

    # One gain for all parts, so that the stems still sum to the mix.
    gain = np.float32(min(1.0, peak / np.abs(_mix(wide)).max()))
    return {part: sound * gain for part, sound in wide.items()}


def _version(
    rng: np.random.Generator, song: Song, seconds: float | None, *, faithful: bool
) -> tuple[Parts, dict[str, tuple[Atom, ...]]]:
    style = draw_style(rng, song, faithful=faithful)
    band = draw_band(rng)
    performed = perform(rng, song, style)
    if seconds is not None:
        performed = beginning(performed, seconds)
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
    # A version is labelled as it sounds, not as the song was written.
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
