"""Time and pitch of a waveform."""

from __future__ import annotations

import math

import torch
from numpy.random import Generator
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.nn import functional

from .base import (
    Augmentation,
    AugmentationConfig,
    Drawn,
    register_augmentation,
    uniform,
)
from .phase_vocoder import stretched

TAPS = 32  # of the interpolation, at a cut-off of half the rate
POSITIONS = 1 << 16  # interpolated at once: bounds the memory


@register_augmentation("TimeStretch")
class TimeStretch(Augmentation):
    """Faster or slower at the same pitch. A faster example ends in silence, a slower one is cut at the end.

    What lay at t lies at t / rate afterwards: `draw` gives the rates.
    """

    domain = "waveform"
    moves = True

    class Config(AugmentationConfig):
        min_rate: PositiveFloat = Field(
            0.8, description="least rate: under 1 is slower"
        )
        max_rate: PositiveFloat = Field(
            1.25, description="greatest rate: over 1 is faster"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        return {
            "rate": uniform(rng, self.config.min_rate, self.config.max_rate, batch_size)
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        return stretched(x, drawn["rate"], x.shape[-1])


@register_augmentation("PitchShift")
class PitchShift(Augmentation):
    """Higher or lower at the same tempo: stretched in time, then read faster or slower."""

    domain = "waveform"
    moves = True

    class Config(AugmentationConfig):
        min_semitones: float = Field(
            -2.0, ge=-24, description="least shift in semitones"
        )
        max_semitones: float = Field(
            2.0, le=24, description="greatest shift in semitones"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        return {
            "semitones": uniform(
                rng, self.config.min_semitones, self.config.max_semitones, batch_size
            )
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        ratios = torch.exp2(drawn["semitones"].double() / 12)
        n_samples = x.shape[-1]
        # Slower by as much as it is then read faster, so that the length stays.
        longer = stretched(x, 1 / ratios, math.ceil(n_samples * float(ratios.max())))
        return torch.stack(
            [
                read_at(one, r, n_samples)
                for one, r in zip(longer, ratios.tolist(), strict=True)
            ]
        )


def read_at(x: Tensor, step: float, n_samples: int) -> Tensor:
    """x (C, N) at the places 0, step, 2 step, ...: (C, n_samples); silence outside.

    Between samples it is interpolated by a sinc under a Hann window, cut off at half the slower of the two rates.
    """
    # Read faster, high frequencies would fold over: the sinc is as wide as the slower rate needs.
    cutoff = min(1.0, 1.0 / step)
    half = math.ceil(TAPS / 2 / cutoff)
    padded = functional.pad(x, (half, half + 1))
    taps = torch.arange(-half + 1, half + 1, device=x.device)
    parts = []
    for first in range(0, n_samples, POSITIONS):
        place = (
            torch.arange(
                first,
                min(first + POSITIONS, n_samples),
                device=x.device,
                dtype=torch.float64,
            )
            * step
        )
        # The samples around each place, and their weights by the distance to it.
        whole = place.floor().long()
        index = (whole[:, None] + taps + half).clamp(0, padded.shape[-1] - 1)
        away = (taps - (place - whole)[:, None]).to(x.dtype)
        weight = (
            cutoff
            * torch.sinc(cutoff * away)
            * torch.cos(math.pi / 2 * away / half).square()
        )
        parts.append(torch.einsum("cpt,pt->cp", padded[:, index], weight))
    return torch.cat(parts, dim=1)
