"""Harmonics of one pitch side by side, from an ordinary constant-Q transform."""

from __future__ import annotations

import math

import torch
from mirbricks import Block, BlockConfig, from_axis, register
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional


@register(
    "HarmonicStacking",
    shape="B C F T -> B {out_channels} F T",
    source="arXiv:2203.09893",
    examples=[
        ((2, 1, 9, 4), {"harmonics": [0.5, 1.0, 2.0, 3.0], "bins_per_octave": 3}),
        ((2, 3, 5, 4), {}),
    ],
)
class HarmonicStacking(Block):
    """Copies of a log-frequency spectrogram as channels, each shifted so that a harmonic lies on its fundamental.

    Shape:   (B, C, F, T) -> (B, harmonics · C, F, T); first all C channels of the first harmonic
    Source:  Bittner et al., "A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and Multipitch
             Estimation", ICASSP 2022, section 2.1. Bin f of harmonic h is bin f + bins_per_octave · log2(h), rounded,
             and 0 where there is none: an approximation of the harmonic CQT at the cost of one CQT.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        harmonics: tuple[PositiveFloat, ...] = Field(
            (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0),
            min_length=1,
            description="multiples of the fundamental frequency",
        )
        bins_per_octave: PositiveInt = Field(
            36, description="frequency bins in an octave of the input"
        )

        @property
        def out_channels(self) -> int:
            """Channels of the output."""
            return self.in_channels * len(self.harmonics)

        @property
        def shifts(self) -> tuple[int, ...]:
            """Bins from a fundamental up to each harmonic."""
            return tuple(
                round(self.bins_per_octave * math.log2(harmonic))
                for harmonic in self.harmonics
            )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.shifts = config.shifts

    def forward(self, x: Tensor) -> Tensor:
        below, above = max(0, -min(self.shifts)), max(0, *self.shifts)
        padded = functional.pad(x, (0, 0, below, above))
        return torch.cat(
            [padded.narrow(2, below + shift, x.shape[2]) for shift in self.shifts],
            dim=1,
        )
