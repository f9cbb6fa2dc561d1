"""The hum of a bad cable, for models that will meet recordings made at home."""

from __future__ import annotations

import math

import torch
from mirbricks.augment import (
    Augmentation,
    AugmentationConfig,
    register_augmentation,
)
from numpy.random import Generator
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor


@register_augmentation("MainsHum")
class MainsHum(Augmentation):
    """A tone of the mains' frequency and its harmonics, each half as loud as the one below it.

    Its level is uniform in dB below the loudest sample of the example, so silence stays silence.
    """

    domain = "waveform"

    class Config(AugmentationConfig):
        min_db: float = Field(-40.0, description="least level of the hum in dB")
        max_db: float = Field(-20.0, description="greatest level of the hum in dB")
        mains_hz: PositiveFloat = Field(50.0, description="50 or 60, by country")
        n_harmonics: PositiveInt = Field(4, le=20, description="tones of the hum")

    def draw(self, batch_size: int, rng: Generator) -> dict[str, Tensor]:
        level_db = rng.uniform(self.config.min_db, self.config.max_db, batch_size)
        phase = rng.uniform(0, 2 * math.pi, batch_size)
        return {
            "level_db": torch.from_numpy(level_db).float(),
            "phase": torch.from_numpy(phase).float(),
        }

    def apply(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        time_s = torch.arange(x.shape[-1], device=x.device) / self.sr_hz
        phase = drawn["phase"].to(x.device)[:, None]
        hum = torch.zeros(len(x), x.shape[-1], device=x.device)
        for harmonic in range(1, self.config.n_harmonics + 1):
            angle = 2 * math.pi * self.config.mains_hz * time_s + phase
            hum += 0.5 ** (harmonic - 1) * torch.sin(harmonic * angle)
        peak = x.abs().amax(dim=(1, 2), keepdim=True)
        gain = (10 ** (drawn["level_db"].to(x.device) / 20))[:, None, None]
        return x + (gain * peak * hum[:, None]).to(x.dtype)
