"""How near generated sounds are to real ones, beside two yardsticks: real against real, and noise against real.

A sound is judged by its mel statistics, the mean and the deviation over time of every band, each in deviations of the
real sounds. The Fréchet distance depends on how many sounds there are, so all three are taken of halves: half of the
real ones against the other half, and against what was made, or noise, in the place of the other half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

from ...features.base import FeatureConfig
from ...features.logmel import LogMelFeature, LogMelFeatureConfig
from ...metrics.embedding_sets import standardised
from ...metrics.frechet import frechet_of_halves
from ...metrics.manifolds import manifold_figures

Float64 = NDArray[np.float64]
N_MELS = 64  # of the spectrogram that a waveform is judged by
NEIGHBOURS = (
    5  # the last of whom ends the reach of a sound: Naeem et al., ICML 2020, section 5
)
FEWEST = 4  # sounds that have halves of two


def statistics_of(examples: Tensor, feature: FeatureConfig) -> Float64:
    """Sounds (n, *frame, T) as vectors (n, 2 n_mels): mean and deviation over time of every mel band."""
    if not isinstance(feature, LogMelFeatureConfig):
        config = LogMelFeatureConfig(
            sr_hz=feature.sr_hz,
            n_fft=1024,
            hop_length=256,
            n_mels=N_MELS,
            scale="db",
            floor_db=-80.0,
        )
        examples = LogMelFeature(config)(examples[:, 0])
    parts = (examples.mean(dim=-1), examples.std(dim=-1, correction=0))
    return np.asarray(torch.cat(parts, dim=1).double().numpy(), np.float64)


def figures_of(tracks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The figures of sounds together; each has vectors "real", "generated" and "noise"."""
    if len(tracks) < FEWEST:
        return {}
    given, made, white = (
        np.array([track[name] for track in tracks], np.float64)
        for name in ("real", "generated", "noise")
    )
    # Loud bands would otherwise count more: every number is in deviations of the real ones.
    real, generated = standardised(given, made)
    noise = standardised(given, white)[1]
    found = {
        "frechet": frechet_of_halves(real, generated),
        "frechet_real": frechet_of_halves(real, real),
        "frechet_noise": frechet_of_halves(real, noise),
    }
    k = min(NEIGHBOURS, len(tracks) - 1)
    return found | manifold_figures(real, generated, k)


def covered(tracks: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """Whether a generated sound lies within reach of each real one: as near as its fifth neighbour among real ones."""
    given = np.array([track["real"] for track in tracks], np.float64)
    made = np.array([track["generated"] for track in tracks], np.float64)
    real, generated = standardised(given, made)
    k = min(NEIGHBOURS, len(real) - 1)
    reach = np.sort(cdist(real, real), axis=1)[:, k]
    nearest: Float64 = cdist(real, generated).min(axis=1)
    return np.asarray(nearest <= reach, np.bool_)
