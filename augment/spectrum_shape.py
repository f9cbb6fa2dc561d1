"""Augmentations of log spectra (B, C, F, T) that move them: crops, cyclic shifts, another recording level."""

from __future__ import annotations

import math

import torch
from numpy.random import Generator
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional

from .base import Augmentation, AugmentationConfig, Drawn, per_example, register_augmentation, uniform


@register_augmentation("RandomResizedCrop")
class RandomResizedCrop(Augmentation):
    """A part of the spectrum, or more than it with its mirror images around, brought to its size.

    A longer crop plays faster, one that reaches higher sounds lower. Between bins and frames values are linear.

    Source:  Niizumi et al., "BYOL for Audio", IJCNN 2021, III-C; there zeros stand around.
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        min_time: PositiveFloat = Field(0.8, le=4, description="least length of a crop over that of the input")
        max_time: PositiveFloat = Field(1.25, le=4, description="greatest length")
        min_bins: PositiveFloat = Field(0.9, le=4, description="least height of a crop over that of the input")
        max_bins: PositiveFloat = Field(1.1, le=4, description="greatest height")
        shift_time: NonNegativeFloat = Field(0.0, le=1, description="how far a crop is moved, as share of the frames")
        shift_bins: NonNegativeFloat = Field(0.05, le=1, description="how far a crop is moved, as share of the bins")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        return {
            "time": uniform(rng, math.log(c.min_time), math.log(c.max_time), batch_size).exp(),
            "bins": uniform(rng, math.log(c.min_bins), math.log(c.max_bins), batch_size).exp(),
            "time_place": uniform(rng, -c.shift_time, c.shift_time, batch_size),
            "bin_place": uniform(rng, -c.shift_bins, c.shift_bins, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        corners = torch.zeros(len(x), 2, 3, dtype=x.dtype)
        corners[:, 0, 0], corners[:, 1, 1] = drawn["time"], drawn["bins"]
        corners[:, 0, 2], corners[:, 1, 2] = (
            2 * drawn["time_place"],
            2 * drawn["bin_place"],
        )  # the input is -1 to 1
        grid = functional.affine_grid(corners.to(x.device), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


@register_augmentation("Roll")
class Roll(Augmentation):
    """Frames moved in a circle by any number: what leaves at the end comes in at the beginning."""

    domain = "spectrum"

    class Config(AugmentationConfig):
        pass

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        return {"share": uniform(rng, 0.0, 1.0, batch_size)}

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        n = x.shape[-1]
        frames = (drawn["share"] * n).long().to(x.device)
        source = (torch.arange(n, device=x.device) - frames[:, None]) % n
        return x.gather(-1, source[:, None, None, :].expand_as(x))


@register_augmentation("Tilt")
class Tilt(Augmentation):
    """Another level, and treble against bass: to a log spectrum a straight line over its bins is added.

    Numbers are in the spectrum's own unit: decibels of a spectrum in dB, natural logarithms otherwise.
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        level: NonNegativeFloat = Field(0.7, description="standard deviation of what is added to all bins")
        slope: NonNegativeFloat = Field(
            1.0, description="standard deviation of what is added to the highest bin and taken from the lowest"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        level, slope = rng.normal(0, c.level, batch_size), rng.normal(0, c.slope, batch_size)
        return {"level": torch.from_numpy(level).float(), "slope": torch.from_numpy(slope).float()}

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        line = torch.linspace(-1, 1, x.shape[2], dtype=x.dtype, device=x.device)[:, None]
        return x + per_example(drawn["level"], x) + per_example(drawn["slope"], x) * line


@register_augmentation("Smear")
class Smear(Augmentation):
    """A room on a spectrum in decibels: energy that comes later, dies away exponentially, and adds to what is there.

    The reverberant part of a bin in frame t is the sum of a^k · (1 - a) · energy over frames t - 1 - k; a is such that
    it falls by 60 dB in a number of frames. Phases are left out, as late reverberation has none to speak of: Polack,
    "Playing billiards in the concert hall", Applied Acoustics 1993, section 2.
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        decibels: PositiveFloat = Field(1.0, description="decibels in a unit of the spectrum; 80 for the HCQT in dB")
        min_decay_frames: PositiveFloat = Field(10.0, description="least frames in which the room falls by 60 dB")
        max_decay_frames: PositiveFloat = Field(100.0, description="most of them")
        min_level_db: float = Field(-20.0, description="least energy of the room over that of the sound")
        max_level_db: float = Field(6.0, description="most of it")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        decay = uniform(rng, math.log(c.min_decay_frames), math.log(c.max_decay_frames), batch_size).exp()
        return {"decay": decay, "level_db": uniform(rng, c.min_level_db, c.max_level_db, batch_size)}

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        rate = math.log(10) / 10 * self.config.decibels
        falls = (-6 * math.log(10) / drawn["decay"]).to(x)
        n = torch.arange(x.shape[-1], device=x.device)
        later = n - n[:, None] - 1  # [source, target]
        share = torch.where(later >= 0, (later * falls[:, None, None]).exp(), 0.0) * (1 - falls.exp())[:, None, None]
        energy = (x * rate).exp()
        room = energy.flatten(1, -2) @ share.to(x.dtype)
        gain = per_example(10 ** (drawn["level_db"] / 10), x)
        y: Tensor = (energy + gain * room.reshape(x.shape)).log() / rate
        return y
