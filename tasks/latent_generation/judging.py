"""Figures of generated sounds: how near they are to real ones as a set, and the pitch that is heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...features.mel_scale import mel_spaced_hz, mel_triangles
from ...metrics.frechet import frechet_distance
from ...metrics.heard_pitch import pitch_figures

Float = NDArray[Any]

BANDS = 32
N_FFT = 1024
HOP = 512
LOWEST_HZ = 30.0
FLOOR = 1e-6  # of the bands' energies, below which is silence
SEED = 0  # of the halves that are compared, and of noise
FEWEST = 4  # sounds from which on two halves have a spread


@lru_cache(maxsize=4)
def _bands(sr_hz: int) -> Tensor:
    """(BANDS, bins) triangles on the mel scale."""
    points = mel_spaced_hz(LOWEST_HZ, sr_hz / 2, BANDS + 2)
    return mel_triangles(points, N_FFT // 2 + 1, sr_hz / N_FFT, False)


def mel_statistics(wave: Float, sr_hz: int) -> list[float]:
    """Mean and deviation over time of 32 mel bands in bels: what a sound is like, without its phases."""
    x = torch.as_tensor(np.asarray(wave, np.float32)).reshape(-1)
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(
        x, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True
    )
    energies = _bands(sr_hz) @ spectrum.abs().square()
    levels = torch.log10(energies + FLOOR)
    values: list[float] = torch.cat((levels.mean(1), levels.std(1))).tolist()
    return values


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
        asked = [row["pitch_asked"] for row in with_pitch]
        figures |= pitch_figures(asked, _numbers(with_pitch, "pitch_heard"))
        real = pitch_figures(asked, _numbers(with_pitch, "pitch_real"))
        figures["pitch_accuracy_real"] = real["pitch_accuracy"]
    if len(rows) >= FEWEST:
        figures |= _frechet(rows)
    return figures


def _frechet(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Over halves, so that all three are distances between sets of one size."""
    places = np.random.default_rng(SEED).permutation(len(rows))
    half = len(rows) // 2
    one, other = places[:half], places[half : 2 * half]
    real = np.array([row["embedding_real"] for row in rows])
    figures = {}
    for name, key in (
        ("frechet", "embedding"),
        ("frechet_real", "embedding_real"),
        ("frechet_noise", "embedding_noise"),
    ):
        values = np.array([row[key] for row in rows])
        # Either half once as the real one.
        there = frechet_distance(real[one], values[other])
        back = frechet_distance(real[other], values[one])
        figures[name] = (there + back) / 2
    return figures


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Numbers of tracks; one that is missing is NaN, for JSON knows no NaN."""
    return [row.get(name, float("nan")) for row in rows]
