"""Per-channel energy normalisation (PCEN) of a recording, its state carried from chunk to chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from .base import register_feature
from .logmel import MelFeature, MelFeatureConfig
from .moving_mean import moving_mean, over_mean
from .old_names import old_names


class PCENFeatureConfig(MelFeatureConfig):
    """Settings of the feature `pcen`; the defaults are those of the paper, on mel magnitudes."""

    type: Literal["pcen"] = Field("pcen", description="name of this feature")
    power: float = Field(
        1.0,
        ge=1,
        le=3,
        description="exponent of the magnitude: 2 for power, 1 for magnitude",
    )
    gain: PositiveFloat = Field(
        2.0**31,
        description="factor of the energies: eps is small beside samples of 32 bits, not beside -1 … 1",
    )
    alpha: float = Field(
        0.98,
        ge=0,
        le=1,
        description="strength of the normalisation: 0 leaves the energies as they are",
    )
    delta: PositiveFloat = Field(2.0, description="bias before the root")
    r: float = Field(0.5, gt=0, le=1, description="exponent of the root")
    smoothing: float = Field(
        0.025, gt=0, le=1, description="weight of a new frame in the mean"
    )
    eps: PositiveFloat = Field(1e-6, description="added to the mean")


@register_feature("pcen")
class PCENFeature(MelFeature):
    """(B, N) -> (B, n_mels, T): each band over its own slowly moving mean, then a root.

    Source: Wang et al., "Trainable Frontend For Robust and Far-Field Keyword Spotting", ICASSP 2017
    (arXiv:1607.05666), eq. 1 and 2. Causal but for the frames; the mean starts at the first frame. The block `PCEN`
    learns its values. NaN in the audio stays in the mean from there on.
    """

    Config = PCENFeatureConfig
    config: PCENFeatureConfig

    def __init__(self, config: PCENFeatureConfig) -> None:
        super().__init__(config)
        self.values: Tensor
        values = torch.tensor([config.alpha, config.delta, config.r, config.smoothing])
        self.register_buffer("values", values[:, None, None], persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        return self._normalised(self.mel(wave), None)[0]

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        mean = None
        for mel in self.mel_stream(chunks):
            piece, mean = self._normalised(mel, mean)
            yield piece

    def _normalised(self, mel: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """The normalised energies, and the mean of the last frame."""
        alpha, delta, r, smoothing = self.values
        energy = self.config.gain * mel
        # Equation 2 gives the mean M, equation 1 divides by it;
        # the last M is the state that a stream carries on.
        mean = moving_mean(energy, smoothing, before)
        return over_mean(energy, mean, alpha, delta, r, self.config.eps), mean[..., -1:]


__getattr__ = old_names(__name__, "PCEN")
