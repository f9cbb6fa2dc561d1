"""Where something begins to sound: what grew in each band of a log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from mirbricks.features import LogMelFeature, LogMelFeatureConfig, register_feature
from pydantic import Field
from torch import Tensor


class SpectralFluxConfig(LogMelFeatureConfig):
    """Settings of the feature `spectral_flux`: those of `logmel`."""

    type: Literal["spectral_flux"] = Field(
        "spectral_flux", description="name of this feature"
    )

    @property
    def silence(self) -> float:
        """In silence nothing grows."""
        return 0.0


@register_feature("spectral_flux")
class SpectralFlux(LogMelFeature):
    """(B, N) -> (B, n_mels, T): each band's growth since the frame before, and 0 where it shrank.

    Source: Dixon, "Onset Detection Revisited", DAFx 2006, eq. 2.2, here on compressed mel bands and without the sum
            over them. The first frame has none before it, and is 0.
    """

    Config = SpectralFluxConfig

    def forward(self, wave: Tensor) -> Tensor:
        bands = super().forward(wave)
        return growth(bands[..., :1], bands)

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        before = None
        for bands in super().stream(chunks):
            # The last frame of a piece is the one before the first of the next.
            yield growth(bands[..., :1] if before is None else before, bands)
            before = bands[..., -1:]


def growth(before: Tensor, bands: Tensor) -> Tensor:
    """The positive differences of frames (B, F, T), the first to a frame (B, F, 1)."""
    return torch.cat([before, bands], dim=-1).diff(dim=-1).clamp_min(0)
