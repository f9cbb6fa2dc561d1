"""The embedded corpus: four-voice polyphony with exact ground truth, made from a seed.

Each clip is a new piece: diatonic chords with voice leading, timbres out of five families, vibrato, glides, its own
tuning and room, levels that vary by voice and by note, background noise. The mix is the sum of its stems, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..corpus import Corpus
from ..pyjama.file import Atom, Definition
from .refusing import refuse_count, refuse_seconds
from .room import convolve, pink_noise, room
from .score import VOICES, compose
from .tone import FAMILIES, Performance, draw_timbre, render
from .writing import Recording, texts, write_corpus

NAME = "polyphony"
F0_STEP_S = 0.01
Float32 = NDArray[np.float32]

_DEFINITIONS = {
    "filepath": Definition("global", "text", "filepath"),
    "piece": Definition("global", "text"),
    "stem_of": Definition("global", "text"),
    "instrument": Definition("global", "text"),
    "f0": Definition("breakpoint", "numeric", row_name=["f0_midi"]),
    "f0multi": Definition(
        "breakpoint", "numeric", row_name=[f"f0_midi_{voice}" for voice in VOICES]
    ),
}


@dataclass(frozen=True)
class Clip:
    """One piece: the stems (4, N), their f0 (4, T) in MIDI numbers with 0 for silence, and the timbre families."""

    stems: Float32
    f0_midi: NDArray[np.float64]
    times_s: NDArray[np.float64]
    instruments: tuple[str, ...]

    @property
    def mix(self) -> Float32:
        mix: Float32 = self.stems[0] + self.stems[1] + self.stems[2] + self.stems[3]
        return mix


def synthesise_polyphony(
    folder: str | Path,
    n_clips: int = 12,
    seconds: float = 15.0,
    seed: int = 0,
    sr_hz: int = 22050,
    stems: bool = True,
    n_jobs: int = 1,
    on_done: Callable[[str], None] | None = None,
) -> Corpus:
    """Make a corpus of four voices that move as in a chorale, with their pitches. The same arguments, the same bytes.

    Parameters
    ----------
    folder : str or Path
        Where polyphony_audio.hdf5 and polyphony.pyjama are written.
    n_clips : int
        How many clips there are, at least 1; their keys are `01.wav`, `02.wav`, ...
    seconds : float
        The length of each, in seconds: 1 to 3600.
    seed : int
        What the music is drawn from.
    sr_hz : int
        The sampling rate, in Hz.
    stems : bool
        Whether the voices are in the corpus too, as `01-soprano.wav`, ...
    n_jobs : int
        How many processes work; -1: one for each core.
    on_done : callable, optional
        Called with the key of each finished clip.

    Returns
    -------
    Corpus
        With the annotations `f0multi`, and of the stems `f0` and `stem_of`.

    Raises
    ------
    DataError
        E408 if the folder cannot be written, E470 where it holds a corpus already, for fewer clips than one, and for
        clips that are not 1 to 3600 s long.

    Examples
    --------
    >>> from mirbricks.data import synthesise_polyphony
    >>> corpus = synthesise_polyphony("clips", n_clips=2, seconds=2.0)            # doctest: +SKIP
    >>> [item.key for item in corpus][:2]                                         # doctest: +SKIP
    ['01.wav', '01-soprano.wav']
    """
    refuse_count("n_clips", n_clips)
    refuse_seconds(seconds)
    given = [(seed, index, seconds, sr_hz, stems) for index in range(n_clips)]
    return write_corpus(
        folder,
        NAME,
        _DEFINITIONS,
        make_polyphony,
        given,
        sr_hz=sr_hz,
        n_jobs=n_jobs,
        on_done=on_done,
    )


def make_polyphony(
    seed: int, index: int, seconds: float, sr_hz: int, stems: bool
) -> list[Recording]:
    """A clip with its voices in `f0multi`, and the stems it is the sum of."""
    clip = make_clip(np.random.default_rng((seed, index)), seconds, sr_hz)
    mix = f"{index + 1:02d}.wav"
    made = [Recording(mix, clip.mix, _mix_annotations(mix, clip))]
    for voice, name in enumerate(VOICES if stems else ()):
        key = f"{index + 1:02d}-{name}.wav"
        made.append(
            Recording(key, clip.stems[voice], _stem_annotations(key, mix, clip, voice))
        )
    return made


def make_clip(rng: np.random.Generator, seconds: float, sr_hz: int) -> Clip:
    """Compose, play and record one piece."""
    n_samples = round(seconds * sr_hz)
    times_s = np.round(np.arange(0.0, seconds, F0_STEP_S), 2)
    tuning_semitones = rng.uniform(-0.4, 0.4)
    families = tuple(str(name) for name in rng.choice(FAMILIES, len(VOICES)))

    # One room and one tuning for all voices: they sing together, and are recorded at once.
    response = room(rng, sr_hz)
    background = pink_noise(rng, n_samples)
    stems = []
    f0 = []
    for voice, (notes, family) in enumerate(
        zip(compose(rng, seconds), families, strict=True)
    ):
        # Player, then notes, then gain: each draws from the same generator, so the order is part of the corpus.
        timbre = draw_timbre(rng, family)
        performance = Performance.draw(rng, notes, timbre, tuning_semitones)
        dry = render(rng, performance, timbre, n_samples, sr_hz) * np.float32(
            10.0 ** (rng.uniform(-4, 4) / 20)
        )
        # Each stem gets another stretch of the noise, so that the noise of the sum is not four times the same.
        stems.append(
            convolve(dry, response)
            + np.roll(background, voice * n_samples // len(VOICES))
        )
        f0.append(np.round(performance.f0(times_s, timbre), 4))
    recorded = np.stack(stems)

    # One gain for all, so that the stems still sum to the mix.
    recorded *= np.float32(rng.uniform(0.4, 0.9)) / np.abs(recorded.sum(axis=0)).max()
    return Clip(recorded, np.stack(f0), times_s, families)


def _mix_annotations(key: str, clip: Clip) -> dict[str, tuple[Atom, ...]]:
    curve = Atom(clip.f0_midi.tolist(), clip.times_s.tolist())
    own = {"filepath": texts(key), "piece": texts(key.removesuffix(".wav"))}
    return own | {"instrument": texts(*clip.instruments), "f0multi": (curve,)}


def _stem_annotations(
    key: str, mix: str, clip: Clip, voice: int
) -> dict[str, tuple[Atom, ...]]:
    # The curve of a stem is its row of the mix's, so that the two cannot disagree.
    curve = Atom([clip.f0_midi[voice].tolist()], clip.times_s.tolist())
    own = {
        "filepath": texts(key),
        "piece": texts(mix.removesuffix(".wav")),
        "stem_of": texts(mix),
    }
    return own | {"instrument": texts(clip.instruments[voice]), "f0": (curve,)}
