"""Rooms and echoes: a waveform through an impulse response made for each example."""

from __future__ import annotations

import math

import torch
from numpy.random import Generator
from pydantic import Field, PositiveFloat
from torch import Tensor

from .base import (
    Augmentation,
    AugmentationConfig,
    Drawn,
    noise_like,
    per_example,
    register_augmentation,
    seeds,
    uniform,
)


def convolved(x: Tensor, response: Tensor) -> Tensor:
    """x (B, C, N) through (B, 1, M), as long as x: the tail past the end is cut off."""
    # As long as the whole result, so that nothing comes round; even, as the inverse expects.
    size = x.shape[-1] + response.shape[-1] - 1
    size += size % 2
    y: Tensor = torch.fft.irfft(
        torch.fft.rfft(x, size) * torch.fft.rfft(response, size), size
    )
    return y[..., : x.shape[-1]]


@register_augmentation("Reverb")
class Reverb(Augmentation):
    """A synthetic room: the direct sound, then noise that falls by 60 dB in the reverberation time.

    Source:  the decay is Polack's model (PhD thesis, Le Mans 1988): Gaussian noise under an exponential
    """

    domain = "waveform"

    class Config(AugmentationConfig):
        min_rt60_s: PositiveFloat = Field(
            0.2, description="least reverberation time in s"
        )
        max_rt60_s: PositiveFloat = Field(
            1.0, description="greatest reverberation time in s"
        )
        min_wet_db: float = Field(
            -20.0, description="least energy of the tail in dB, the direct sound's is 0"
        )
        max_wet_db: float = Field(-6.0, description="greatest energy of the tail in dB")
        max_predelay_s: float = Field(
            0.03,
            ge=0,
            description="longest time from the direct sound to the tail in s",
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        return {
            "rt60_s": uniform(rng, c.min_rt60_s, c.max_rt60_s, batch_size),
            "wet_db": uniform(rng, c.min_wet_db, c.max_wet_db, batch_size),
            "predelay_s": uniform(rng, 0.0, c.max_predelay_s, batch_size),
            "seed": seeds(rng, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        return convolved(x, self.response(drawn, x))

    def response(self, drawn: Drawn, like: Tensor) -> Tensor:
        """The impulse responses (B, 1, M)."""
        longest_s = self.config.max_rt60_s + self.config.max_predelay_s
        n_samples = math.ceil(longest_s * self.sr_hz) + 1
        time_s = (
            torch.arange(n_samples, device=like.device, dtype=like.dtype) / self.sr_hz
        )
        rt60_s, wet_db, predelay_s = (
            drawn[name].to(like)[:, None] for name in ("rt60_s", "wet_db", "predelay_s")
        )
        # Noise that falls by 60 dB from the predelay on.
        since_s = time_s - predelay_s
        heard = (since_s > 0) & (since_s <= rt60_s)
        tail = (
            noise_like(since_s, drawn["seed"])
            * 10.0 ** (-3.0 * since_s / rt60_s)
            * heard
        )
        # Scaled to the energy that was drawn; the direct sound is 1.
        energy = (
            tail.square().sum(1, keepdim=True).clamp_min(torch.finfo(like.dtype).tiny)
        )
        tail = tail * (10.0 ** (wet_db / 10) / energy).sqrt()
        return torch.cat((torch.ones_like(tail[:, :1]), tail[:, 1:]), dim=1)[:, None]


@register_augmentation("Delay")
class Delay(Augmentation):
    """An echo that comes again and again, each time softer."""

    domain = "waveform"

    class Config(AugmentationConfig):
        min_s: PositiveFloat = Field(
            0.05, description="least time from one echo to the next in s"
        )
        max_s: PositiveFloat = Field(
            0.5, description="greatest time from one echo to the next in s"
        )
        max_feedback: float = Field(
            0.5,
            gt=0,
            lt=1,
            description="greatest level of an echo, the one before is 1",
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        return {
            "delay_s": uniform(rng, self.config.min_s, self.config.max_s, batch_size),
            "feedback": uniform(rng, 0.0, self.config.max_feedback, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        step = (
            (drawn["delay_s"] * self.sr_hz)
            .round()
            .clamp_min(1)
            .long()
            .to(x.device)[:, None]
        )
        number = torch.arange(x.shape[-1], device=x.device)
        # An echo at every multiple of the delay, each softer than the one before by the same factor.
        echo = per_example(drawn["feedback"], x)[:, 0] ** (number // step).to(x.dtype)
        return convolved(x, torch.where(number % step == 0, echo, 0.0)[:, None])
