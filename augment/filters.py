"""Filters of a waveform, applied in the frequency domain: no phase shift, any cut-off for each example."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from numpy.random import Generator
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from .base import (
    Augmentation,
    AugmentationConfig,
    Drawn,
    per_example,
    register_augmentation,
    uniform,
)


def filtered(x: Tensor, gain: Callable[[Tensor], Tensor], sr_hz: int) -> Tensor:
    """x (B, C, N) with each frequency multiplied by `gain` of it; `gain` takes Hz (K,) and gives (B, 1, K).

    The end is followed by as much silence, so that nothing comes round to the beginning.
    """
    # Twice the length: the second half takes what would come round.
    n = x.shape[-1]
    size = 2 * n
    hz = torch.arange(size // 2 + 1, device=x.device, dtype=x.dtype) * (sr_hz / size)
    y: Tensor = torch.fft.irfft(torch.fft.rfft(x, size) * gain(hz), size)
    return y[..., :n]


class CutoffConfig(AugmentationConfig):
    """Settings of a low-pass or high-pass filter."""

    min_hz: PositiveFloat = Field(
        description="least cut-off frequency in Hz, drawn evenly in octaves"
    )
    max_hz: PositiveFloat = Field(description="greatest cut-off frequency in Hz")
    order: PositiveInt = Field(2, description="order: 6 dB per octave each")


class _Cutoff(Augmentation):
    domain = "waveform"
    Config = CutoffConfig
    power: int  # of (f / cut-off) in the response: 1 passes what is low

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        octaves = uniform(
            rng,
            math.log2(self.config.min_hz),
            math.log2(self.config.max_hz),
            batch_size,
        )
        return {"cutoff_hz": torch.exp2(octaves)}

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        cutoff_hz = per_example(drawn["cutoff_hz"], x)
        order = self.config.order
        return filtered(
            x,
            lambda hz: (1 + (hz / cutoff_hz) ** (2 * order * self.power)).rsqrt(),
            self.sr_hz,
        )


@register_augmentation("LowPass")
class LowPass(_Cutoff):
    """Highs taken away: the magnitude of a Butterworth filter, -3 dB at the cut-off."""

    Config = CutoffConfig
    power = 1


@register_augmentation("HighPass")
class HighPass(_Cutoff):
    """Lows taken away: the magnitude of a Butterworth filter, -3 dB at the cut-off."""

    Config = CutoffConfig
    power = -1


@register_augmentation("Equalizer")
class Equalizer(Augmentation):
    """Several bells at random places: gains in dB that are Gaussian over octaves, added up."""

    domain = "waveform"

    class Config(AugmentationConfig):
        bells: PositiveInt = Field(3, description="how many bells")
        max_gain_db: float = Field(
            9.0, gt=0, description="greatest gain or cut of a bell in dB"
        )
        min_hz: PositiveFloat = Field(
            60.0, description="least centre of a bell in Hz, drawn evenly in octaves"
        )
        max_hz: PositiveFloat = Field(
            8000.0, description="greatest centre of a bell in Hz"
        )
        min_octaves: PositiveFloat = Field(
            0.3, description="least width of a bell: its standard deviation in octaves"
        )
        max_octaves: PositiveFloat = Field(
            1.5, description="greatest width of a bell in octaves"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        count = batch_size * c.bells

        def each(least: float, most: float) -> Tensor:
            return uniform(rng, least, most, count).reshape(batch_size, c.bells)

        return {
            "gain_db": each(-c.max_gain_db, c.max_gain_db),
            "centre_hz": torch.exp2(each(math.log2(c.min_hz), math.log2(c.max_hz))),
            "octaves": each(c.min_octaves, c.max_octaves),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        gain_db, centre_hz, octaves = (
            drawn[name].to(x)[:, :, None]
            for name in ("gain_db", "centre_hz", "octaves")
        )

        def gain(hz: Tensor) -> Tensor:
            # How many widths each frequency lies from the centre; bells in decibels add up.
            away = (hz.clamp_min(1.0) / centre_hz).log2() / octaves
            return 10.0 ** (
                (gain_db * torch.exp(-0.5 * away.square())).sum(1, keepdim=True) / 20
            )

        return filtered(x, gain, self.sr_hz)
