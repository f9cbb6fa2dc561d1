"""Instruments made of recordings: a folder with a recording per note, or a SoundFont.

A key that was not recorded is the nearest one, resampled; how strongly it is struck chooses among the recordings of a
key. What is recorded before a hammer strikes is cut off, so that a note begins when it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ...errors import DataError
from ..importers.optional import optional
from ..stores.audio import AUDIO_ENDINGS, stream_audio
from ..stores.reading import refuse_missing, unreadable
from .writing import SR_HZ

Float32 = NDArray[np.float32]

SOUNDFONTS = (".sf2", ".sf3")
CODE = "E470"
LONGEST_S = 15.0  # of a recording that is kept; a low string rings for half a minute
HELD_NOTES = 128  # resampled notes that are kept: 1.3 MB each
LEAST_VELOCITY = 8  # of 127: below it some SoundFonts are silent

# A#3, Bb3, Cs4 and Df4, or a MIDI number, and then perhaps how strongly: v8.
_NOTE = re.compile(
    r"(?:^|[^A-Za-z])(?P<letter>[A-Ga-g])(?P<sign>#|s|b|f)?(?P<octave>-?\d)"
    r"(?:[ _-]?v(?P<layer>\d+))?(?:$|[^0-9])"
)
_NUMBER = re.compile(r"(?:^|[^0-9])(?P<midi>\d{2,3})(?:[ _-]?v(?P<layer>\d+))?$")
_CLASSES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SIGNS = {"#": 1, "s": 1, "b": -1, "f": -1, None: 0}


class Sampled(Protocol):
    """An instrument that can strike a note."""

    name: str

    def strike(self, midi: int, velocity: float, held_s: float) -> Float32:
        """(N,) at SR_HZ from the strike on, for `held_s` or as long as it sounds; `velocity` is from 0 to 1."""


@lru_cache(maxsize=8)
def open_sampled(path: str) -> Sampled:
    """The instrument in a folder of recordings, or in a SoundFont.

    Raises DataError E470 where nothing in it can be played, E468 where a package for SoundFonts is missing.
    """
    if Path(path).suffix.lower() in SOUNDFONTS:
        return SoundFont(path)
    return Recordings(path)


@dataclass(frozen=True)
class _Layers:
    """The recordings of one key, from soft to loud."""

    paths: tuple[Path, ...]

    def of(self, velocity: float) -> Path:
        place = int(velocity * len(self.paths))
        return self.paths[min(place, len(self.paths) - 1)]


class Recordings:
    """A folder of recordings of single notes, also in folders below it.

    A file's name holds the note (`A#3`, `Cs4`, `Bb2` or its MIDI number) and, where a key was recorded more than once,
    which of them it is, from soft to loud (`A3v1`, `A3v2`). With one recording of a key soft notes are that one, with
    less level.
    """

    def __init__(self, path: str) -> None:
        folder = Path(path)
        self.name = folder.resolve().name
        found: dict[int, dict[int, Path]] = {}
        for file in _audio_files(folder):
            note = note_in_name(file.stem)
            if note is not None:
                midi, layer = note
                found.setdefault(midi, {})[layer] = file
        if not found:
            raise DataError(
                f"samples: no recording of a note in '{path}'",
                code=CODE,
                help="name the files after their notes, such as A#3.wav, or A#3v1.wav to A#3v8.wav from soft to loud",
            )
        self._layers: Mapping[int, _Layers] = {
            midi: _Layers(tuple(its[layer] for layer in sorted(its)))
            for midi, its in found.items()
        }

    def strike(self, midi: int, velocity: float, held_s: float) -> Float32:
        """(N,) as recorded, no longer than the recording."""
        recorded = min(self._layers, key=lambda key: (abs(key - midi), key))
        layers = self._layers[recorded]
        sound = _transposed(layers.of(velocity), midi - recorded)
        # One recording serves all strengths; several have the strengths in them.
        level = velocity if len(layers.paths) == 1 else 1.0
        return np.asarray(sound[: int(held_s * SR_HZ) + 1] * np.float32(level))


class SoundFont:
    """The first instrument of a SoundFont, program 0, which is a piano in those of General MIDI."""

    def __init__(self, path: str) -> None:
        refuse_missing(
            path,
            code=CODE,
            help="--samples takes a folder of recordings, or a SoundFont",
        )
        tinysoundfont = optional(
            # What it needs for playing aloud is not needed here, and has to be compiled on some systems.
            "tinysoundfont",
            pip="--no-deps tinysoundfont",
        )
        self.name = Path(path).stem
        self._synth = tinysoundfont.Synth(samplerate=SR_HZ)
        try:
            number = self._synth.sfload(path)
        except (tinysoundfont.SoundFontException, RuntimeError) as error:
            raise DataError(
                f"samples: '{path}' cannot be read as a SoundFont",
                code=CODE,
                help="--samples takes a folder of recordings, or a SoundFont in .sf2 or .sf3",
            ) from error
        self._synth.program_select(0, number, 0, 0)

    def strike(self, midi: int, velocity: float, held_s: float) -> Float32:
        """(N,) as the SoundFont's envelopes and filters give it, both channels as one."""
        self._synth.sounds_off()
        self._synth.noteon(0, midi, max(round(127 * velocity), LEAST_VELOCITY))
        n_samples = min(int(held_s * SR_HZ) + 1, int(LONGEST_S * SR_HZ))
        both = np.frombuffer(bytes(self._synth.generate(n_samples)), np.float32)
        self._synth.noteoff(0, midi)
        return np.asarray(both.reshape(-1, 2).mean(axis=1), np.float32)


def note_in_name(stem: str) -> tuple[int, int] | None:
    """MIDI number and layer in a file's name: `A#3v8` is (58, 8), `60` (60, 0); None where it names no note."""
    named = _NOTE.search(stem)
    if named is not None:
        semitone = _CLASSES[named["letter"].lower()] + _SIGNS[named["sign"]]
        midi = 12 * (int(named["octave"]) + 1) + semitone
    else:
        named = _NUMBER.search(stem)
        if named is None:
            return None
        midi = int(named["midi"])
    if 0 <= midi <= 127:
        return midi, int(named["layer"] or 0)
    return None


def _audio_files(folder: Path) -> list[Path]:
    """Audio files in `folder` and below, in the order of their names."""
    if not folder.is_dir():
        raise DataError(
            f"samples: there is no folder '{folder}'",
            code=CODE,
            help="--samples takes a folder with a recording per note, or a SoundFont",
        )
    try:
        return sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_ENDINGS
        )
    except OSError as error:
        raise unreadable(folder, error) from error


@lru_cache(maxsize=HELD_NOTES)
def _transposed(path: Path, semitones: int) -> Float32:
    """(N,) a recording from its attack on, at another pitch and so faster or slower; at most `LONGEST_S`."""
    blocks, rates = zip(*stream_audio(path), strict=True)
    sound = np.concatenate(blocks)[: int(LONGEST_S * rates[0])]
    sound = sound[_attack(sound, rates[0]) :]
    # It may still ring where it is cut off, and a step there would be heard at its beginning: FFTs go round.
    fade = min(len(sound), rates[0] // 50)
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    # Played n semitones higher it lasts 2^(n/12) times shorter.
    shorter = rates[0] / SR_HZ * 2.0 ** (semitones / 12)
    sound = scipy.signal.resample(sound, max(1, round(len(sound) / shorter)))
    return np.asarray(sound, np.float32)


def _attack(sound: Float32, sr_hz: int) -> int:
    """The sample from which on something is heard: 2 ms before a twentieth of the peak of the first half second."""
    beginning = np.abs(sound[: sr_hz // 2])
    loud = np.flatnonzero(beginning > beginning.max() / 20)
    if not len(loud):
        return 0
    return max(0, int(loud[0]) - sr_hz // 500)
