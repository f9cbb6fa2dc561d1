"""A corpus of piano pieces that recorded instruments play: made up, or after the notes of another corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..corpus import Corpus, Item
from ..pyjama.file import Definition
from .corpora import PIANO, recorded_piano
from .grand import UNDAMPED, add_at, draw_grand, resonating
from .piano import piano_piece
from .refusing import refuse_count, refuse_seconds
from .sampled import open_sampled
from .scores import Score, performed, scores_of
from .writing import SR_HZ, Recording, texts, write_corpus

Float32 = NDArray[np.float32]

NAME = "sampled"
CLIPS = 60
SECONDS = 30.0
RELEASE_S = (0.06, 0.2)  # in which dampers silence the middle of the keyboard
UNDAMPED_S = 3.0  # how long a string without a damper is still added

_DEFINITIONS = PIANO | {"instrument": Definition("global", "text")}


def synthesise_sampled(
    folder: str | Path,
    samples: Sequence[str | Path],
    n: int = CLIPS,
    seconds: float = SECONDS,
    seed: int = 0,
    *,
    score: Sequence[Item] | None = None,
    n_jobs: int = 1,
    on_done: Callable[[str], None] | None = None,
) -> Corpus:
    """Write a corpus of piano pieces on recorded instruments; the same arguments and recordings, the same bytes.

    Parameters
    ----------
    folder : path
        Where to write; must hold no corpus yet.
    samples : sequence of paths
        Folders with a recording per note (`A#3.wav`, or `A#3v1.wav`, `A#3v2.wav` from soft to loud), or SoundFonts;
        they play in turn. The annotation `instrument` has their names.
    n : int
        How many clips.
    seconds : float
        Their length.
    seed : int
        Another number makes another corpus; the first clips of more are those of fewer.
    score : sequence of Item, optional
        Items of a corpus whose notes are played, in turn, each time in another key and tempo; without it pieces are
        made up.
    n_jobs : int
        Worker processes; -1 is one a core.
    on_done : callable, optional
        Called with the key of each clip that is written.

    Returns
    -------
    Corpus
        With the annotations `pitchmidi`, `velocity`, `instrument` and `piece`.

    Raises
    ------
    DataError
        E408 if the folder cannot be written, E468 where the package for SoundFonts is missing, E470 where the folder
        holds a corpus already, and for `samples`, `score`, `n` or `seconds` that make no clips.

    Examples
    --------
    >>> from mirbricks.data import synthesise_sampled
    >>> synthesise_sampled("played", ["pianos/salamander"], n=2)                   # doctest: +SKIP
    """
    refuse_count("n", n)
    refuse_seconds(seconds)
    paths = tuple(str(path) for path in samples)
    if not paths:
        raise DataError(
            "samples: there is no instrument",
            code="E470",
            help="name a folder with a recording per note, or a SoundFont",
        )
    # An instrument that cannot play is told before anything is made.
    for path in paths:
        open_sampled(path)
    scores: list[Score | None] = [None]
    if score is not None:
        scores = [*scores_of(score)]

    given = [
        (
            seed,
            number,
            seconds,
            paths[number % len(paths)],
            scores[number % len(scores)],
        )
        for number in range(n)
    ]
    return write_corpus(
        folder,
        NAME,
        _DEFINITIONS,
        make_sampled,
        given,
        sr_hz=SR_HZ,
        n_jobs=n_jobs,
        on_done=on_done,
    )


def make_sampled(
    seed: int, number: int, seconds: float, samples: str, score: Score | None
) -> list[Recording]:
    """A made-up piece on the recorded instrument `samples`, or the `score` as somebody might play it there."""
    # The last number is the kind's own: see `corpora.make_piano`.
    rng = np.random.default_rng((seed, number, 10))
    instrument = open_sampled(samples)
    pedals: list[tuple[float, float]] = []
    if score is None:
        notes = piano_piece(rng, seconds, pedals)
    else:
        notes = performed(rng, score, seconds)

    strings = np.zeros(round(seconds * SR_HZ), np.float32)
    release_s = float(rng.uniform(*RELEASE_S))
    for note in notes:
        key = round(note.midi)
        held_s = note.end_s - note.onset_s
        # Long strings need more time to stop, and nothing stops the top ones.
        falls_s = UNDAMPED_S
        if key < UNDAMPED:
            falls_s = release_s * 2.0 ** ((60 - key) / 36)
        sound = instrument.strike(key, note.velocity, held_s + falls_s)
        sound = _stopped(sound, held_s, falls_s)
        add_at(strings, int(note.onset_s * SR_HZ), sound)

    # The strings of a drawn piano sound along; hammers are in the recordings.
    silence = np.zeros_like(strings)
    dry = resonating(rng, draw_grand(rng), strings, silence, pedals, SR_HZ)
    made = recorded_piano(rng, f"{NAME}{seed:02d}_{number:04d}.wav", dry, notes)
    own = {**made.annotations, "instrument": texts(instrument.name)}
    return [replace(made, annotations=own)]


def _stopped(sound: Float32, held_s: float, falls_s: float) -> Float32:
    """A note whose damper comes down after `held_s`, and has silenced it `falls_s` later."""
    time_s = np.arange(len(sound), dtype=np.float32) / SR_HZ
    fall = np.clip(1 - (time_s - np.float32(held_s)) / np.float32(falls_s), 0, 1)
    return np.asarray(sound * fall * fall, np.float32)
