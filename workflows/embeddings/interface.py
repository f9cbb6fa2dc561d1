"""What an embedding is for the workflows: a name, a vector per sound, and class probabilities where it has them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...features.resample import resample
from ...metrics.sound_embeddings import SoundEmbedding

Float64 = NDArray[np.float64]


@runtime_checkable
class NamedEmbedding(SoundEmbedding, Protocol):
    """An embedding that the workflows know by name.

    Attributes
    ----------
    name : str
        As the user wrote it.
    standardise : bool
        Whether figures are made of each feature in deviations of the real set; False where published figures are made
        of the raw values.
    """

    name: str
    standardise: bool


@runtime_checkable
class Classifier(Protocol):
    """An embedding that is a classifier too, one label per recording.

    Attributes
    ----------
    labels : tuple of str
        The K classes.
    """

    labels: tuple[str, ...]

    def classified(
        self, wave: ArrayLike | Tensor, sr_hz: int
    ) -> tuple[Float64, Float64]:
        """The vector (D,) of a sound and its class probabilities (K,)."""
        ...


def at_rate(wave: ArrayLike | Tensor, sr_hz: int, to_hz: int) -> Tensor:
    """A waveform (N,) as float32 at another sampling rate."""
    if not isinstance(wave, Tensor):
        wave = torch.from_numpy(np.array(wave, dtype=np.float32))
    samples = wave.detach().cpu().float()
    if samples.ndim != 1 or not len(samples):
        raise ValueError(
            f"expected a waveform (N,) of at least one sample, got {tuple(samples.shape)}"
        )
    return resample(samples[None], sr_hz, to_hz)[0]
