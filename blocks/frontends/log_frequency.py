"""From the equally spaced bins of a Fourier transform to bins per octave, and back."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import RateHz, Samples, Side, Width
from .spectrogram import exactly

BROWN = "doi:10.1121/1.404385"


class LogFrequencyConfig(BlockConfig):
    """Where the bins of the two axes lie."""

    n_fft: Samples = Field(4096, ge=16, description="samples of the Fourier transform")
    sr_hz: RateHz = Field(22050, description="sample rate of the waveform, in Hz")
    fmin_hz: PositiveFloat = Field(
        55.0, description="frequency of the lowest bin per octave, in Hz"
    )
    n_bins: Width = Field(336, description="bins of the logarithmic axis")
    bins_per_octave: Side = Field(
        48, description="bins of the logarithmic axis in an octave"
    )

    @property
    def top_hz(self) -> float:
        """Frequency of the highest bin."""
        octaves: float = 2.0 ** ((self.n_bins - 1) / self.bins_per_octave)
        return self.fmin_hz * octaves

    @model_validator(mode="after")
    def _below_half_the_rate(self) -> LogFrequencyConfig:
        if self.top_hz > self.sr_hz / 2:
            raise ValueError(
                f"the highest of {self.n_bins} bins lies at {self.top_hz:.0f} Hz, above {self.sr_hz / 2:g} Hz, "
                "half of sr_hz: use fewer n_bins or a lower fmin_hz"
            )
        return self

    def centres(self) -> Tensor:
        """(n_bins,) centres of the logarithmic bins, in bins of the Fourier transform."""
        octaves = torch.arange(self.n_bins, dtype=torch.float64) / self.bins_per_octave
        lowest = self.fmin_hz * self.n_fft / self.sr_hz
        return lowest * torch.exp2(octaves)

    def triangles(self, n_linear: int) -> Tensor:
        """(n_bins, n_linear) weights that add up to 1 in each row.

        A triangle reaches to the neighbouring centres. Where those lie within a Fourier bin it reaches one Fourier
        bin to both sides, which is a linear interpolation between bins: no row is empty.
        """
        centres = self.centres()
        widths = centres * (2.0 ** (1 / self.bins_per_octave) - 1)
        bins = torch.arange(n_linear, dtype=torch.float64)
        distances = (bins - centres[:, None]).abs() / widths.clamp_min(1)[:, None]
        triangles = (1 - distances).clamp_min(0)
        total = triangles.sum(1, keepdim=True).clamp_min(1e-9)
        normed: Tensor = triangles / total
        return normed.to(torch.get_default_dtype())


@register(
    "LogFrequency",
    shape="B C F T -> B C {n_bins} T",
    source=BROWN,
    examples=[
        (
            (2, 2, 33, 4),
            {
                "n_fft": 64,
                "sr_hz": 8000,
                "fmin_hz": 300.0,
                "n_bins": 20,
                "bins_per_octave": 6,
            },
        )
    ],
)
class LogFrequency(Block):
    """Fourier magnitudes on an axis of so many bins per octave, on which a transposed sound is a moved map.

    Shape:   (B, C, n_fft // 2 + 1, T) -> (B, C, n_bins, T); fewer Fourier bins are the lowest of them
    Source:  Brown & Puckette, "An Efficient Algorithm for the Calculation of a Constant Q Transform", JASA 1992: a
             matrix behind a Fourier transform. Theirs weighs complex bins so that low bins get long windows; this one
             averages magnitudes in triangles, and low bins keep the window of the transform: for masks, which are
             applied to that transform.
    """

    class Config(LogFrequencyConfig):
        n_linear: int = from_axis("F")

        @model_validator(mode="after")
        def _inside_the_spectrum(self) -> LogFrequency.Config:
            # -1 stands for a size that is not known yet.
            highest_hz = (self.n_linear - 1) * self.sr_hz / self.n_fft
            if self.n_linear > 0 and self.top_hz > highest_hz:
                raise ValueError(
                    f"the highest of {self.n_bins} bins lies at {self.top_hz:.0f} Hz, and the {self.n_linear} Fourier "
                    f"bins end at {highest_hz:.0f} Hz: use fewer n_bins, or check n_fft and sr_hz"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.filters: Tensor
        filters = config.triangles(config.n_linear)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            return (self.filters.to(exact) @ x.to(exact)).to(x.dtype)


@register(
    "LinearFrequency",
    shape="B C F T -> B C {n_fourier} T",
    source=BROWN,
    examples=[
        (
            (2, 2, 20, 4),
            {
                "n_fft": 64,
                "sr_hz": 8000,
                "fmin_hz": 300.0,
                "bins_per_octave": 6,
            },
        ),
        (
            (2, 1, 5, 3),
            {
                "n_fft": 32,
                "sr_hz": 8000,
                "bins_per_octave": 3,
                "n_linear": 9,
            },
        ),
    ],
)
class LinearFrequency(Block):
    """A map of so many bins per octave on the bins of a Fourier transform: values between bins, for masks.

    Shape:   (B, C, n_bins, T) -> (B, C, n_linear, T); below the lowest bin its value, above the highest that one's
    Source:  the other way of LogFrequency (Brown & Puckette, JASA 1992), by linear interpolation over log-frequency.
             It is not an inverse: what many Fourier bins were averaged to comes back the same for all of them.
    """

    class Config(LogFrequencyConfig):
        n_bins: int = from_axis("F")
        n_linear: Width | None = Field(
            None, description="Fourier bins, from the lowest; default: n_fft // 2 + 1"
        )

        @property
        def n_fourier(self) -> int:
            """Bins of the output."""
            return self.n_linear or self.n_fft // 2 + 1

    def __init__(self, config: Config) -> None:
        super().__init__()
        bins = torch.arange(config.n_fourier, dtype=torch.float64)
        lowest = config.fmin_hz * config.n_fft / config.sr_hz
        # Bin 0 lies infinitely far below the first octave; what lies outside takes the value at the end.
        octaves = torch.log2(bins.clamp_min(1e-6) / lowest)
        places = (config.bins_per_octave * octaves).clamp(0, config.n_bins - 1)
        below = places.floor().clamp_max(max(0, config.n_bins - 2))
        self.below: Tensor
        self.register_buffer("below", below.long(), persistent=False)
        self.above: Tensor
        above = (below + 1).clamp_max(config.n_bins - 1)
        self.register_buffer("above", above.long(), persistent=False)
        self.share: Tensor
        share = (places - below).to(torch.get_default_dtype())[:, None]
        self.register_buffer("share", share, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        lower = x.index_select(2, self.below)
        upper = x.index_select(2, self.above)
        return lower + self.share.to(x.dtype) * (upper - lower)
