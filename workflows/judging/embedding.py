"""The embeddings of a set of sounds, one sound in memory at a time; what cannot be read costs itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, MirbricksError
from ...metrics.sound_embeddings import SoundEmbedding
from ..embeddings.interface import Classifier, Float64
from ..progress import Progress, plural
from .sounds import LONGEST_S, Sounds, Source

SILENT_DB = (
    -80.0
)  # of full scale: a sound whose loudest sample is below it has nothing to be heard
SHORT_S = 0.1  # of a sound in which hardly a period of a low note fits, or a window of a spectrogram
NAMED = 5  # sounds that a note names

Change = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]


@dataclass
class Embedded:
    """The embeddings of a set.

    Attributes
    ----------
    sources : list of Source
        Those that could be embedded.
    vectors : ndarray
        (N, D), a row per source.
    probabilities : ndarray, optional
        (N, K) of a classifier.
    failed : list of DataError
        What could not be read, each with its name.
    odd : dict of str to str
        Sounds that are silent or very short, with what they are. They are judged like the others.
    """

    sources: list[Source]
    vectors: Float64
    probabilities: Float64 | None = None
    failed: list[DataError] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sources)


def embedded(
    sounds: Sounds,
    embedding: SoundEmbedding,
    progress: Progress,
    label: str,
    change: Change | None = None,
) -> Embedded:
    """The embeddings of all sounds that can be read.

    Parameters
    ----------
    sounds : Sounds
    embedding : SoundEmbedding
    progress : Progress
    label : str
        What the bar says.
    change : callable, optional
        What is embedded in the place of a sound, such as noise of its length, from its number and its samples.
    """
    found = _Rows()
    n_cut = 0
    with progress.counting(label, len(sounds.sources)) as on_done:
        for number, source in enumerate(sounds.sources):
            try:
                wave, sr_hz = source.read()
                n_cut += len(wave) >= LONGEST_S * sr_hz
                what = _oddness(wave, sr_hz)
                if change is not None:
                    wave = change(number, wave)
                found.add(source, *_both(embedding, wave, sr_hz))
                if what is not None:
                    found.odd[source.name] = what
                on_done(source.name)
            except (MirbricksError, ValueError) as error:
                found.failed.append(_of_sound(source.name, error))
                on_done(source.name, found.failed[-1])
    if n_cut and change is None:
        progress.note(
            f"{label}: of {plural(n_cut, 'sound')} only the first {LONGEST_S} s count"
        )
    if found.odd and change is None:
        progress.note(_note_of_odd(label, found.odd))
    return found.together()


def _oddness(wave: NDArray[np.float32], sr_hz: int) -> str | None:
    """What is odd about a sound, if anything is."""
    seconds = len(wave) / sr_hz
    if seconds < SHORT_S:
        return f"{seconds:.3f} s long"
    if float(np.abs(wave).max()) < 10 ** (SILENT_DB / 20):
        return "silent"
    return None


def _note_of_odd(label: str, odd: dict[str, str]) -> str:
    """How many sounds are silent or very short, and which."""
    named = [f"'{name}' ({what})" for name, what in list(odd.items())[:NAMED]]
    if len(odd) > NAMED:
        named.append("...")
    return (
        f"{label}: {len(odd)} silent or shorter than {SHORT_S} s, judged like the others: "
        + ", ".join(named)
    )


class _Rows:
    """The embeddings of a set, as they come."""

    def __init__(self) -> None:
        self.failed: list[DataError] = []
        self.odd: dict[str, str] = {}
        self._sources: list[Source] = []
        self._vectors: list[Float64] = []
        self._probabilities: list[Float64] = []

    def add(self, source: Source, vector: Float64, shares: Float64 | None) -> None:
        """Take in a sound. Raises ValueError for what is not a vector of finite numbers, as long as the others."""
        _refuse_unfit(vector, self._vectors)
        self._sources.append(source)
        self._vectors.append(vector)
        if shares is not None:
            self._probabilities.append(shares)

    def together(self) -> Embedded:
        vectors = np.stack(self._vectors) if self._vectors else np.zeros((0, 1))
        probabilities = np.stack(self._probabilities) if self._probabilities else None
        return Embedded(self._sources, vectors, probabilities, self.failed, self.odd)


def _both(
    embedding: SoundEmbedding, wave: NDArray[np.float32], sr_hz: int
) -> tuple[Float64, Float64 | None]:
    """The vector of a sound, and the class probabilities where there are any."""
    if isinstance(embedding, Classifier):
        return embedding.classified(wave, sr_hz)
    return np.asarray(embedding(wave, sr_hz), np.float64), None


def _refuse_unfit(vector: Float64, before: list[Float64]) -> None:
    """Raise ValueError for what is not one vector of finite numbers, as long as the others."""
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"the embedding gave an array of shape {vector.shape}")
    if before and before[0].shape != vector.shape:
        raise ValueError(
            f"the embedding gave {len(vector)} numbers, after {len(before[0])} of the sounds before"
        )
    if not np.isfinite(vector).all():
        raise ValueError("the embedding is not finite")


def _of_sound(name: str, error: Exception) -> DataError:
    """The error with the name of the sound that it is about."""
    if isinstance(error, MirbricksError):
        message = error.message
        # Errors about files name the file already.
        if name not in message:
            message = f"'{name}': {message}"
        return DataError(message, code=error.code, facts=error.facts, help=error.help)
    return DataError(
        f"'{name}': {error}", code="E436", help="leave the sound out, or repair it"
    )


def noise(seed: int) -> Change:
    """White noise as long and as loud as each sound: what a set is compared with that has nothing of what is real."""

    def made(number: int, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        rng = np.random.default_rng((seed, number))
        level = np.sqrt(np.mean(np.square(wave, dtype=np.float64)))
        samples = level * rng.standard_normal(len(wave))
        return np.asarray(samples, np.float32)

    return made
