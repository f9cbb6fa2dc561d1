"""From recordings made in several processes to a corpus on disk, in order, one recording in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..corpus import Corpus
from ..pyjama.file import Atom, Definition, Entry, Pyjama
from ..stores.hdf5 import write_audio
from ..workers import in_workers
from .refusing import refuse_corpus

Float32 = NDArray[np.float32]
SR_HZ = 22050  # of all corpora but those that are asked for at another rate
DIGITS = 4  # of times in s and pitches


@dataclass(frozen=True)
class Recording:
    """One item of a corpus: its audio, (N,) or (C, N), and its annotations, `filepath` among them."""

    key: str
    audio: Float32
    annotations: Mapping[str, tuple[Atom, ...]]


Make = Callable[..., "list[Recording]"]


def write_corpus(
    folder: str | Path,
    name: str,
    definitions: Mapping[str, Definition],
    make: Make,
    given: Sequence[tuple[Any, ...]],
    *,
    sr_hz: int,
    n_jobs: int = 1,
    on_done: Callable[[str], None] | None = None,
) -> Corpus:
    """Write NAME_audio.hdf5 and NAME.pyjama: the recordings of make(*arguments) for each of `given`, in this order.

    `on_done` is called with the first key of each. The number of processes changes no byte. Raises DataError E408,
    and E470 where the folder holds a corpus already.
    """
    folder = Path(folder)
    refuse_corpus(folder)
    entries = []

    def items() -> Iterator[tuple[str, Float32, int]]:
        # The store pulls recordings one by one, so that no list of them is built.
        for recordings in in_workers(make, given, n_jobs, what="makes recordings"):
            for recording in recordings:
                yield recording.key, recording.audio, sr_hz
                entries.append(Entry(dict(recording.annotations)))
            if on_done is not None:
                on_done(recordings[0].key)

    write_audio(folder / f"{name}_audio.hdf5", items())

    # Annotations come last: a corpus that was broken off has none, and is not taken for a whole one.
    Pyjama(dict(definitions), entries).save(folder / f"{name}.pyjama")
    return Corpus.open(folder)


def texts(*values: str) -> tuple[Atom, ...]:
    """Global annotations."""
    return tuple(Atom(value) for value in values)


def numbers(*values: float) -> tuple[Atom, ...]:
    """Global annotations that are numbers, rounded."""
    return tuple(Atom(round(value, DIGITS)) for value in values)


def segment(value: Any, time_s: float, duration_s: float) -> Atom:
    """A stretch of time, rounded."""
    return Atom(value, round(time_s, DIGITS), round(duration_s, DIGITS))


def event(value: Any, time_s: float) -> Atom:
    """A point in time, rounded."""
    return Atom(value, round(time_s, DIGITS))
