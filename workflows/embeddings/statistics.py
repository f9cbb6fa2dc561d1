"""The embeddings `mel` and `chroma`: statistics over time that need no trained model."""

from __future__ import annotations

from numpy.typing import ArrayLike
from torch import Tensor

from ...metrics.sound_embeddings import ChromaStatistics, MelStatistics, SoundEmbedding
from .interface import Float64, at_rate

SR_HZ = 16000  # twice the highest band of the mel statistics


class Statistics:
    """Statistics of mel bands or of chroma, all sounds at one sampling rate.

    Without the common rate a set would differ from another by its recorder's low-pass filter alone.

    Parameters
    ----------
    name : str
        "mel" or "chroma".
    """

    standardise = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._statistics: SoundEmbedding = ChromaStatistics()
        if name == "mel":
            self._statistics = MelStatistics()

    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (128,) of mel bands, (24,) of chroma, of a waveform (N,)."""
        return self._statistics(at_rate(wave, sr_hz, SR_HZ), SR_HZ)
