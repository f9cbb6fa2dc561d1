"""A constant-Q transform with phases, and its inverse, as blocks."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor
from torch.nn import functional

from ...features.gabor_frame import GaborFrame
from ...registry import STORED, Block, BlockConfig, from_axis, register
from ..bounds import RateHz, Samples, Width
from .spectrogram import as_real, exactly

MOST_BINS = 65_536
# Of the examples: few enough samples and bins to be drawn.
SMALL = {
    "sr_hz": 64,
    "fmin_hz": 4.0,
    "n_octaves": 1,
    "bins_per_octave": 3,
    "hop_length": 4,
}
SMALL_BINS = GaborFrame(64, 4.0, 1, 3, 4).n_bins


class GaborConfig(BlockConfig):
    """Frequencies and frames of an invertible constant-Q transform."""

    sr_hz: RateHz = Field(22050, description="sample rate of the waveform, in Hz")
    fmin_hz: PositiveFloat = Field(
        32.7, description="centre frequency of the lowest constant-Q bin"
    )
    n_octaves: PositiveInt = Field(
        7, le=20, description="octaves of constant-Q bins above fmin_hz"
    )
    bins_per_octave: Width = Field(12, description="constant-Q bins in an octave")
    hop_length: Samples = Field(
        32,
        description="samples from one frame to the next; the wider the bins, the fewer",
    )

    @model_validator(mode="after")
    def _invertible(self) -> GaborConfig:
        top_hz = self.fmin_hz * 2.0 ** (self.n_octaves - 1 / self.bins_per_octave)
        if top_hz >= self.sr_hz / 2:
            raise ValueError(
                f"the highest bin, {top_hz:.0f} Hz, does not lie below {self.sr_hz / 2:.0f} Hz, half of sr_hz"
            )
        if self.n_octaves * self.bins_per_octave + self.hop_length > MOST_BINS:
            raise ValueError(f"more than {MOST_BINS} bins; use fewer per octave")
        widest_hz = self.frame().widest_hz()
        if widest_hz > self.sr_hz / self.hop_length:
            most = int(self.sr_hz / widest_hz)
            raise ValueError(
                f"hop_length {self.hop_length} is too large to invert bins as wide as {widest_hz:.1f} Hz; "
                f"use {most} at most, or more bins per octave"
            )
        return self

    @property
    def n_bins(self) -> int:
        """Rows: one below the constant-Q bins, these, and those above."""
        return self.frame().n_bins

    def frame(self) -> GaborFrame:
        """The bands and frames."""
        return GaborFrame(
            self.sr_hz,
            self.fmin_hz,
            self.n_octaves,
            self.bins_per_octave,
            self.hop_length,
        )


@register(
    "InvertibleCQT",
    shape="B C T -> B {out_channels} {n_bins} T'",
    source="doi:10.1109/TASL.2012.2234114",
    examples=[((2, 1, 50), SMALL), ((2, 2, 48), SMALL)],
)
class InvertibleCQT(Block):
    """Constant-Q transform of each channel with all of the waveform in it; InverseCQT gives the waveform back.

    Row 0 is what lies below the constant-Q bins, and the rows behind them what lies above, at even steps. The
    waveform is taken as a loop: its first and its last frames see one another.

    Shape:   (B, C, N) -> (B, 2 C, n_bins, T), real parts of all channels, then imaginary parts;
             T = ceil(N / hop_length), frame t at sample t · hop_length.
    Source:  Holighaus, Dörfler, Velasco & Grill, "A Framework for Invertible, Real-Time Constant-Q Transforms", IEEE
             TASLP 2013, of the whole waveform at once; windows are halves of a cosine, a tight frame.
    """

    sees_all_frames = True

    class Config(GaborConfig):
        in_channels: int = from_axis("C")

        @property
        def out_channels(self) -> int:
            """Real and imaginary parts."""
            return 2 * self.in_channels

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.frame = config.frame()

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            return as_real(self.frame.analyse(x.to(exact)), "complex").to(x.dtype)


@register(
    "InverseCQT",
    shape="B C*2 {n_bins} T, [B ...'] -> B C T'",
    source="doi:10.1109/TASL.2012.2234114",
    examples=[
        ((2, 2, SMALL_BINS, 7), SMALL),
        (
            [(2, 4, SMALL_BINS, 7), (2, 2, 26)],
            {**SMALL, "size_of": "y"},
        ),
    ],
)
class InverseCQT(Block):
    """Inverse of InvertibleCQT: the waveform whose transform is nearest, by least squares.

    Shape:   (B, 2 C, n_bins, T) -> (B, C, N); N = T · hop_length, or with `size_of` the length of the waveform that
             InvertibleCQT took.
    Source:  Velasco, Holighaus, Dörfler & Grill, "Constructing an Invertible Constant-Q Transform with Non-Stationary
             Gabor Frames", DAFx 2011, eq. 12: the frame is tight, so that the dual windows are the windows.
    """

    sees_all_frames = True

    class Config(GaborConfig):
        size_of: str | None = Field(
            None,
            description="the stored tensor or input whose length the waveform gets; default: that of the frames",
            json_schema_extra=STORED,
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.frame = config.frame()

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            wave = self.frame.synthesise(torch.complex(*x.to(exact).chunk(2, dim=1)))
        if like is not None:
            n_samples = like.shape[-1]
            missing = max(0, n_samples - wave.shape[-1])
            wave = functional.pad(wave, (0, missing))[..., :n_samples]
        return wave.to(x.dtype)
