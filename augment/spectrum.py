"""Augmentations of spectra (B, C, F, T): masks and transposition."""

from __future__ import annotations

import torch
from numpy.random import Generator
from pydantic import Field, NonNegativeInt
from torch import Tensor

from .base import (
    Augmentation,
    AugmentationConfig,
    Drawn,
    per_example,
    register_augmentation,
    uniform,
)


@register_augmentation("SpecAugment")
class SpecAugment(Augmentation):
    """Bands of bins and stretches of frames are replaced by a constant.

    Source:  Park et al., "SpecAugment", Interspeech 2019, section 2, without the time warping, which helps least there.
             Widths are uniform from 0 to the greatest. `fill`: the example's mean (there: 0 of a normalised input).
    """

    domain = "spectrum"

    class Config(AugmentationConfig):
        bin_masks: NonNegativeInt = Field(2, description="bands that are masked")
        max_bins: NonNegativeInt = Field(
            16, description="greatest width of a band in bins"
        )
        frame_masks: NonNegativeInt = Field(2, description="stretches that are masked")
        max_frames: NonNegativeInt = Field(
            32, description="greatest length of a stretch in frames"
        )
        max_share: float = Field(
            0.5,
            gt=0,
            le=1,
            description="greatest share of an axis that one mask covers",
        )
        fill: float | None = Field(
            None, description="what stands there instead; default: the example's mean"
        )

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        c = self.config

        def shares(masks: int) -> Tensor:
            return uniform(rng, 0.0, 1.0, batch_size * masks).reshape(batch_size, masks)

        widths = {
            "bin_width": shares(c.bin_masks),
            "frame_width": shares(c.frame_masks),
        }
        return widths | {
            "bin_place": shares(c.bin_masks),
            "frame_place": shares(c.frame_masks),
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        c = self.config
        bins = _covered(
            drawn["bin_width"], drawn["bin_place"], c.max_bins, c.max_share, x.shape[2]
        )
        frames = _covered(
            drawn["frame_width"],
            drawn["frame_place"],
            c.max_frames,
            c.max_share,
            x.shape[3],
        )
        hidden = (bins[:, None, :, None] | frames[:, None, None, :]).to(x.device)
        if c.fill is None:
            fill = x.mean((1, 2, 3), keepdim=True)
        else:
            fill = torch.full_like(x[:, :1, :1, :1], c.fill)
        return torch.where(hidden, fill, x)


def _covered(
    width: Tensor, place: Tensor, most: int, share: float, size: int
) -> Tensor:
    """Which of `size` places lie under any of the masks (B, M): (B, size)."""
    # A width from 0 to the greatest, then a place at which it fits.
    widths = (width * (min(most, int(share * size)) + 1)).floor()
    starts = (place * (size - widths + 1)).floor()
    number = torch.arange(size)
    under = (number >= starts[..., None]) & (number < (starts + widths)[..., None])
    return under.any(dim=1)


@register_augmentation("Transpose")
class Transpose(Augmentation):
    """Every bin moved up or down: in a constant-Q transform a transposition, in chroma (`cyclic`) a rotation.

    Targets with the same bins move by the same `draw`.
    """

    domain = "spectrum"
    moves = True

    class Config(AugmentationConfig):
        min_bins: int = Field(description="least shift in bins; under 0 is down")
        max_bins: int = Field(description="greatest shift in bins")
        cyclic: bool = Field(
            False,
            description="whether what leaves at one end comes in at the other, as in chroma",
        )
        fill: float = Field(0.0, description="what comes in otherwise")

    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        return {
            "bins": torch.from_numpy(
                rng.integers(self.config.min_bins, self.config.max_bins + 1, batch_size)
            )
        }

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        n = x.shape[2]
        # Each bin is read from where it was; what was outside is filled in, or comes from the other end.
        source = torch.arange(n, device=x.device) - drawn["bins"].to(x.device)[:, None]
        moved = x.gather(2, (source % n)[:, None, :, None].expand_as(x))
        if self.config.cyclic:
            return moved
        inside = ((source >= 0) & (source < n))[:, None, :, None]
        return torch.where(
            inside, moved, per_example(torch.full((len(x),), self.config.fill), x)
        )
