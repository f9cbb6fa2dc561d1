"""What a room, a microphone and a noisy recorder make of a log spectrum (B, C, F, T)."""

from __future__ import annotations

import math

import torch
from numpy.random import Generator
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

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


@register_augmentation("FilterAugment")
class FilterAugment(Augmentation):
    """A random filter: a broken line over the bins, in decibels, is added to a spectrum in decibels.

    Source:  Nam, Kim & Park, "FilterAugment", ICASSP 2022, the linear type: corners at random bins, each with a random
             gain. There are at least two corners, the lowest and the highest bin.
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        decibels: PositiveFloat = Field(
            1.0, description="decibels in a unit of the spectrum; 80 for the HCQT in dB"
        )
        bands: PositiveInt = Field(4, description="bands between the corners")
        min_db: float = Field(-6.0, description="least gain at a corner")
        max_db: float = Field(6.0, description="greatest gain at a corner")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config

        def each(least: float, most: float, count: int) -> Tensor:
            return uniform(rng, least, most, batch_size * count).reshape(
                batch_size, count
            )

        inner = each(0.0, 1.0, c.bands - 1).sort(dim=1).values
        return {
            "place": functional.pad(functional.pad(inner, (1, 0)), (0, 1), value=1.0),
            "gain_db": each(c.min_db, c.max_db, c.bands + 1),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        place = drawn["place"]
        gain_db = drawn["gain_db"]
        # Between which two corners each bin lies, and how far along.
        bins = torch.linspace(0, 1, x.shape[2]).repeat(len(x), 1)
        right = torch.searchsorted(place, bins).clamp(1, place.shape[1] - 1)
        (low, high), (from_db, to_db) = (
            (t.gather(1, right - 1), t.gather(1, right)) for t in (place, gain_db)
        )
        share = (bins - low) / (high - low).clamp_min(torch.finfo(bins.dtype).tiny)
        line: Tensor = (
            torch.lerp(from_db, to_db, share.clamp(0, 1)) / self.config.decibels
        )
        return x + line.to(x)[:, None, :, None]


@register_augmentation("NoiseFloor")
class NoiseFloor(Augmentation):
    """Noise that is there all the time, added to a spectrum in decibels: its energy in a bin is exponentially
    distributed, as that of Gaussian noise is, about a level that falls or rises along the bins.
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        decibels: PositiveFloat = Field(
            1.0, description="decibels in a unit of the spectrum; 80 for the HCQT in dB"
        )
        zero_db: float = Field(
            0.0, description="dB that a 0 of the spectrum stands for; -80 for the HCQT"
        )
        min_level_db: float = Field(
            -80.0,
            description="least level at the lowest bin, the loudest sound is 0 dB",
        )
        max_level_db: float = Field(
            -40.0, description="greatest level at the lowest bin"
        )
        min_rise_db: float = Field(
            -20.0, description="least rise from the lowest bin to the highest"
        )
        max_rise_db: float = Field(10.0, description="greatest rise")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        return {
            "level_db": uniform(rng, c.min_level_db, c.max_level_db, batch_size),
            "rise_db": uniform(rng, c.min_rise_db, c.max_rise_db, batch_size),
            "seed": seeds(rng, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        c = self.config
        line = torch.linspace(0, 1, x.shape[2], dtype=x.dtype, device=x.device)[:, None]
        floor_db = (
            per_example(drawn["level_db"], x)
            + per_example(drawn["rise_db"], x) * line
            - c.zero_db
        )
        gaussian = noise_like(x.new_empty(*x.shape, 2), drawn["seed"])
        noise_db = (
            floor_db + 10 * (0.5 * gaussian.square().sum(-1)).clamp_min(1e-9).log10()
        )
        rate = math.log(10) / 10
        y: Tensor = torch.logaddexp(x * (rate * c.decibels), noise_db * rate) / (
            rate * c.decibels
        )
        return y


@register_augmentation("Smear")
class Smear(Augmentation):
    """A room on a spectrum in decibels: energy that comes later, dies away exponentially, and adds to what is there.

    The reverberant part of a bin in frame t is the sum of a^k · (1 - a) · energy over frames t - 1 - k; a is such that
    it falls by 60 dB in a number of frames. Phases are left out, as late reverberation has none to speak of: Polack,
    "Playing billiards in the concert hall", Applied Acoustics 1993, section 2.
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        decibels: PositiveFloat = Field(
            1.0, description="decibels in a unit of the spectrum; 80 for the HCQT in dB"
        )
        min_decay_frames: PositiveFloat = Field(
            10.0, description="least frames in which the room falls by 60 dB"
        )
        max_decay_frames: PositiveFloat = Field(100.0, description="most of them")
        min_level_db: float = Field(
            -20.0, description="least energy of the room over that of the sound"
        )
        max_level_db: float = Field(6.0, description="most of it")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        decay = uniform(
            rng, math.log(c.min_decay_frames), math.log(c.max_decay_frames), batch_size
        ).exp()
        return {
            "decay": decay,
            "level_db": uniform(rng, c.min_level_db, c.max_level_db, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        rate = math.log(10) / 10 * self.config.decibels
        falls = (-6 * math.log(10) / drawn["decay"]).to(x)
        n = torch.arange(x.shape[-1], device=x.device)
        later = n - n[:, None] - 1  # [source, target]
        share = (
            torch.where(later >= 0, (later * falls[:, None, None]).exp(), 0.0)
            * (1 - falls.exp())[:, None, None]
        )
        energy = (x * rate).exp()
        room = energy.flatten(1, -2) @ share.to(x.dtype)
        gain = per_example(10 ** (drawn["level_db"] / 10), x)
        y: Tensor = (energy + gain * room.reshape(x.shape)).log() / rate
        return y
