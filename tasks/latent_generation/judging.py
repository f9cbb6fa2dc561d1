"""Figures of generated sounds: how near they are to real ones as a set, and the pitch that is heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...metrics.frechet import frechet_of_halves
from ...metrics.pitch import cents_off, note_f0_hz
from ...metrics.sound_embeddings import MelStatistics

Float = NDArray[Any]

EMBEDDING = MelStatistics(n_mels=32, lowest_hz=30.0)
QUARTER_TONE = 50  # cents
OCTAVE = 1200
DIGITS = 4  # of embeddings: more would only make a run's files larger
SEED = 0  # of the halves that are compared, and of noise
FEWEST = 4  # sounds from which on two halves have a spread


def embedded(wave: Float, sr_hz: int) -> list[float]:
    """Mean and deviation over time of 32 mel bands in dB: what a sound is like, without its phases."""
    values: list[float] = EMBEDDING(wave, sr_hz).round(DIGITS).tolist()
    return values


def cents_from(wave: Float, sr_hz: int, asked_midi: float) -> float | None:
    """How far the pitch that is heard lies above the one that was asked for; None where none is heard."""
    hz = note_f0_hz(wave, sr_hz)
    if hz is None:
        return None
    return cents_off(hz, asked_midi)


def noise_like(wave: Float, place: int) -> Float:
    """White noise as long and as loud as a sound: the yardstick of what has nothing of it."""
    rng = np.random.default_rng((SEED, place))
    level = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    return np.asarray(level * rng.standard_normal(len(wave)), np.float32)


def pooled_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The figures of all tracks together.

    frechet, frechet_real, frechet_noise   generated, real and noise, each against real, over halves of one size
    pitch_accuracy, pitch_accuracy_real    share within a quarter tone of what was asked for; the same of the recordings
    nearest_training, nearest_training_real   mean distance to the nearest training recording, and that of recordings
    """
    figures: dict[str, float] = {}
    for name in ("loss", "nearest_training", "nearest_training_real"):
        values = [row[name] for row in rows if name in row]
        if values:
            figures[name] = float(np.mean(values))
    with_pitch = [row for row in rows if "pitch_asked" in row]
    if with_pitch:
        cents = _cents(with_pitch, "cents_off")
        # Of an octave error the name of the note is right, if not its height.
        within_octave = (cents + OCTAVE / 2) % OCTAVE - OCTAVE / 2
        figures["pitch_accuracy"] = _share_right(cents)
        figures["pitch_chroma_accuracy"] = _share_right(within_octave)
        figures["pitch_accuracy_real"] = _share_right(
            _cents(with_pitch, "cents_off_real")
        )
    if len(rows) >= FEWEST:
        figures |= _frechet(rows)
    return figures


def _frechet(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What was made, the recordings themselves and noise, each against the recordings."""
    real = np.array([row["embedding_real"] for row in rows])
    figures = {}
    for name, key in (
        ("frechet", "embedding"),
        ("frechet_real", "embedding_real"),
        ("frechet_noise", "embedding_noise"),
    ):
        values = np.array([row[key] for row in rows])
        figures[name] = frechet_of_halves(real, values, SEED)
    return figures


def _cents(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """Cents of tracks; NaN where no pitch was heard, which counts as wrong."""
    return np.array([row.get(name, np.nan) for row in rows])


def _share_right(cents: NDArray[np.float64]) -> float:
    """The share within a quarter tone."""
    return float(np.mean(np.abs(cents) < QUARTER_TONE))
