"""The waveform itself, at one sample rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from ..errors import DataError
from .base import ArrayConfig, Feature, check_wave, refuse_empty, register_feature
from .old_names import old_names


class WaveformFeatureConfig(ArrayConfig):
    """Settings of the feature `waveform`."""

    type: Literal["waveform"] = Field("waveform", description="name of this feature")
    sr_hz: PositiveInt = Field(
        22050, description="sample rate of the audio; other audio is resampled to it"
    )
    channels: PositiveInt = Field(
        1,
        description="channels of the audio that are read: 1 is the mean of all; of more, a mono recording is repeated",
    )
    dtype: Literal["float16", "float32"] = Field(
        "float32", description="how the cache keeps the values"
    )

    @property
    def hop_s(self) -> float:
        return 1.0 / self.sr_hz

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels,)

    @property
    def audio_channels(self) -> int:
        return self.channels

    def settings(self) -> dict[str, object]:
        """As of every feature; those of mono waveforms keep the name that they had in the cache before `channels`."""
        settings = super().settings()
        if self.channels == 1:
            del settings["channels"]
        return settings


@register_feature("waveform")
class WaveformFeature(Feature):
    """(B, N) -> (B, 1, N), or (B, C, N) -> (B, C, N) with `channels`: a frame is a sample, in float32 at least."""

    Config = WaveformFeatureConfig
    config: WaveformFeatureConfig

    def forward(self, wave: Tensor) -> Tensor:
        self._check(wave)
        refuse_empty(wave, self.config.type)
        samples = wave.to(torch.promote_types(wave.dtype, torch.float32))
        if self.config.channels == 1:
            return samples[:, None]
        return samples

    def n_frames(self, n_samples: int) -> int:
        return n_samples

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        chunk = torch.zeros(1, 0)
        empty = True
        for chunk in chunks:
            self._check(chunk)
            if chunk.shape[-1]:
                empty = False
                yield self(chunk)
        if empty:
            refuse_empty(chunk, self.config.type)

    def _check(self, wave: Tensor) -> None:
        """Raise DataError E450 for another shape than (B, N), or (B, C, N) with the C channels of the settings."""
        channels = self.config.channels
        if channels == 1:
            check_wave(wave, self.config.type)
        elif wave.shape[1:-1] != (channels,) or not wave.is_floating_point():
            came = f"{wave.dtype} of shape {tuple(wave.shape)}"
            raise DataError(
                f"the feature '{self.config.type}' with {channels} channels expects audio of shape "
                f"(B, {channels}, N) in floating point, got {came}",
                code="E450",
                help="add the batch axis to one recording: wave[None]",
            )


__getattr__ = old_names(__name__, "Waveform")
