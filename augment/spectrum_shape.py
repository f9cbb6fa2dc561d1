"""Augmentations of log spectra (B, C, F, T) that move them: crops, cyclic shifts, another recording level."""

from __future__ import annotations

import math

import torch
from numpy.random import Generator
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional

from .base import (
    Augmentation,
    AugmentationConfig,
    Drawn,
    per_example,
    register_augmentation,
    uniform,
)


@register_augmentation("RandomResizedCrop")
class RandomResizedCrop(Augmentation):
    """A part of the spectrum, or more than it with its mirror images around, brought to its size.

    A longer crop plays faster, one that reaches higher sounds lower. Between bins and frames values are linear.

    Source:  Niizumi et al., "BYOL for Audio", IJCNN 2021, III-C; there zeros stand around.
    """

    domain = "spectrum"
    moves = True

    class Config(AugmentationConfig):
        min_time: PositiveFloat = Field(
            0.8, le=4, description="least length of a crop over that of the input"
        )
        max_time: PositiveFloat = Field(1.25, le=4, description="greatest length")
        min_bins: PositiveFloat = Field(
            0.9, le=4, description="least height of a crop over that of the input"
        )
        max_bins: PositiveFloat = Field(1.1, le=4, description="greatest height")
        shift_time: NonNegativeFloat = Field(
            0.0, le=1, description="how far a crop is moved, as share of the frames"
        )
        shift_bins: NonNegativeFloat = Field(
            0.05, le=1, description="how far a crop is moved, as share of the bins"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        return {
            "time": uniform(
                rng, math.log(c.min_time), math.log(c.max_time), batch_size
            ).exp(),
            "bins": uniform(
                rng, math.log(c.min_bins), math.log(c.max_bins), batch_size
            ).exp(),
            "time_place": uniform(rng, -c.shift_time, c.shift_time, batch_size),
            "bin_place": uniform(rng, -c.shift_bins, c.shift_bins, batch_size),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        # A crop is an affine map: its size on the diagonal, its place in the last column; -1 to 1 is the input.
        corners = torch.zeros(len(x), 2, 3, dtype=x.dtype)
        corners[:, 0, 0] = drawn["time"]
        corners[:, 1, 1] = drawn["bins"]
        corners[:, 0, 2] = 2 * drawn["time_place"]
        corners[:, 1, 2] = 2 * drawn["bin_place"]
        grid = functional.affine_grid(
            corners.to(x.device), list(x.shape), align_corners=False
        )
        return functional.grid_sample(
            x, grid, padding_mode="reflection", align_corners=False
        )


@register_augmentation("Roll")
class Roll(Augmentation):
    """Frames moved in a circle by any number: what leaves at the end comes in at the beginning."""

    domain = "spectrum"
    moves = True

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
        level: NonNegativeFloat = Field(
            0.7, description="standard deviation of what is added to all bins"
        )
        slope: NonNegativeFloat = Field(
            1.0,
            description="standard deviation of what is added to the highest bin and taken from the lowest",
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config
        level = rng.normal(0, c.level, batch_size)
        slope = rng.normal(0, c.slope, batch_size)
        return {
            "level": torch.from_numpy(level).float(),
            "slope": torch.from_numpy(slope).float(),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        line = torch.linspace(-1, 1, x.shape[2], dtype=x.dtype, device=x.device)[
            :, None
        ]
        return (
            x + per_example(drawn["level"], x) + per_example(drawn["slope"], x) * line
        )
