"""Copies of a log-frequency map, moved so that the harmonics of a tone meet at its pitch."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Side

Harmonic = Annotated[float, Field(gt=0, le=1024)]


class HarmonicShiftConfig(BlockConfig):
    """Fields of HarmonicShift."""

    in_channels: int = from_axis("C")
    harmonics: tuple[Harmonic, ...] = Field(
        (0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
        min_length=1,
        max_length=256,
        description="multiples of a bin's frequency that are brought to this bin; "
        "below 1 for tones of which it is itself a harmonic",
    )
    bins_per_octave: Side = Field(12, description="bins of the map in an octave")

    @property
    def out_channels(self) -> int:
        """Channels of the output: a copy of all of them for each harmonic."""
        return self.in_channels * len(self.harmonics)

    @property
    def shifts(self) -> tuple[int, ...]:
        """Bins from a tone to each of its harmonics, to the nearest bin."""
        octaves = [math.log2(harmonic) for harmonic in self.harmonics]
        return tuple(round(self.bins_per_octave * octave) for octave in octaves)


@register(
    "HarmonicShift",
    shape="B C F ... -> B {out_channels} F ...",
    source="doi:10.5281/zenodo.1417937",
    examples=[
        ((2, 3, 30, 4), {"harmonics": [0.5, 1, 2, 3]}),
        ((2, 1, 9, 4), {"harmonics": [1, 3], "bins_per_octave": 3}),
        ((2, 2, 5, 4), {"harmonics": [1, 5]}),
        ((2, 2, 30), {"harmonics": [0.5, 1, 2]}),
    ],
)
class HarmonicShift(Block):
    """Brings the harmonics of each bin of a log-frequency map to this bin, as channels; zeros beyond the map's ends.

    On an axis of pitch, the distance from a tone to its third harmonic is the same for all tones. After this block a
    1 x 1 convolution sees a tone with all its harmonics; with 1/2, 1/3, ... a harmonic sees the tones it may belong to.

    Shape:   (B, C, F, T) -> (B, len(harmonics) · C, F, T): all channels of the first harmonic, then of the second, ...
             A single spectrum (B, C, F), or one per frame in the batch, -> (B, len(harmonics) · C, F). There is no form
             for (B, F, T): with bins as channels, a layer behind it would not know which of them are one pitch's.
    Source:  Bittner, McFee, Salamon, Li & Bello, "Deep Salience Representations for F0 Estimation in Polyphonic Music",
             ISMIR 2017, section 3.1, which computes a transform per harmonic. Here one map is moved, by whole bins: the
             third harmonic is off by 2 cents with 12 bins per octave, the fifth by 14, the seventh by 31.
    """

    Config = HarmonicShiftConfig

    def __init__(self, config: HarmonicShiftConfig) -> None:
        super().__init__()
        self.shifts = config.shifts

    def forward(self, x: Tensor) -> Tensor:
        n_bins = x.shape[2]
        below = max(0, -min(self.shifts))
        above = max(0, max(self.shifts))
        # One padded map, of which each copy is a view that begins elsewhere.
        behind = (0, 0) * (x.ndim - 3)
        padded = functional.pad(x, (*behind, below, above))
        copies = [padded.narrow(2, below + shift, n_bins) for shift in self.shifts]
        return torch.cat(copies, dim=1)
