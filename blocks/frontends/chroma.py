"""Chroma: the energy of each pitch class."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from ...features.folding import pitch_classes, unit_frames
from ...registry import Block, register
from ..bounds import Width
from .cqt import SMALL, BinsConfig, ConstantQ


@register(
    "Chroma",
    shape="B C T -> B C {n_chroma} T'",
    source="Fujishima, ICMC 1999",
    examples=[
        ((2, 2, 200), SMALL),
        ((2, 1, 150), {**SMALL, "bins_per_octave": 24, "n_chroma": 24, "norm": "l2"}),
    ],
)
class Chroma(Block):
    """Constant-Q magnitudes of each channel, summed over octaves: one bin per pitch class, bin 0 is C.

    Shape:   (B, C, N) -> (B, C, n_chroma, T), T = 1 + N // hop_length
    Source:  Fujishima, "Realtime Chord Recognition of Musical Sound", ICMC 1999; Müller, "Fundamentals of Music
             Processing", 3.1.2. As librosa.feature.chroma_cqt with tuning 0: a class takes the bins within half of its
             width, for A4 = 440 Hz.
    """

    class Config(BinsConfig):
        fmin_hz: PositiveFloat = Field(
            32.7, description="centre frequency of the lowest bin, on a semitone"
        )
        n_octaves: PositiveInt = Field(7, le=20, description="octaves above fmin_hz")
        bins_per_octave: Width = Field(
            36, description="frequency bins in an octave, a multiple of n_chroma"
        )
        n_chroma: Width = Field(
            12, description="pitch classes in an octave, bin 0 is C"
        )
        norm: Literal["max", "l1", "l2"] | None = Field(
            "max",
            description="what is 1 in each frame: largest bin, sum, root of summed squares; null: nothing",
        )

        @model_validator(mode="after")
        def _bins_fold(self) -> Chroma.Config:
            if self.bins_per_octave % self.n_chroma:
                raise ValueError(
                    f"bins_per_octave {self.bins_per_octave} is not a multiple of n_chroma {self.n_chroma}: "
                    "a pitch class would have no whole number of bins"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm = config.norm
        self.transform = ConstantQ(config.feature())
        self.folding: Tensor
        self.register_buffer("folding", _folding(config), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        # Channels go into the batch: the transform takes waveforms.
        magnitude: Tensor = self.transform(x.flatten(0, 1))[:, 0]
        # Classes are rows of the matrix, so folding octaves is one product.
        chroma = (self.folding @ magnitude).reshape(*x.shape[:2], len(self.folding), -1)
        return unit_frames(chroma, self.norm, dim=2)


def _folding(config: Chroma.Config) -> Tensor:
    """(n_chroma, n_bins), a one where a bin is of a class."""
    shift = torch.zeros(1, dtype=torch.float64)
    classes = pitch_classes(
        config.fmin_hz, config.bins_per_octave, config.n_chroma, shift
    )[0]

    # The classes repeat in every octave.
    return classes.repeat(1, config.n_octaves).to(torch.get_default_dtype())
