"""The waveform itself, at one sample rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from .base import ArrayConfig, Feature, check_wave, refuse_empty, register_feature
from .old_names import old_names


class WaveformFeatureConfig(ArrayConfig):
    """Settings of the feature `waveform`."""

    type: Literal["waveform"] = Field("waveform", description="name of this feature")
    sr_hz: PositiveInt = Field(
        22050, description="sample rate of the audio; other audio is resampled to it"
    )
    dtype: Literal["float16", "float32"] = Field(
        "float32", description="how the cache keeps the values"
    )

    @property
    def hop_s(self) -> float:
        return 1.0 / self.sr_hz

    @property
    def shape(self) -> tuple[int, ...]:
        return (1,)


@register_feature("waveform")
class WaveformFeature(Feature):
    """(B, N) -> (B, 1, N): a frame is a sample, in float32 at least."""

    Config = WaveformFeatureConfig
    config: WaveformFeatureConfig

    def forward(self, wave: Tensor) -> Tensor:
        check_wave(wave, self.config.type)
        refuse_empty(wave, self.config.type)
        return wave.to(torch.promote_types(wave.dtype, torch.float32))[:, None]

    def n_frames(self, n_samples: int) -> int:
        return n_samples

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        chunk = torch.zeros(1, 0)
        empty = True
        for chunk in chunks:
            check_wave(chunk, self.config.type)
            if chunk.shape[1]:
                empty = False
                yield self(chunk)
        if empty:
            refuse_empty(chunk, self.config.type)


__getattr__ = old_names(__name__, "Waveform")
