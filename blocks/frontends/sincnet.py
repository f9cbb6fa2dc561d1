"""The SincNet filter bank."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...features.mel_scale import mel_spaced_hz
from ...registry import Block, BlockConfig, register
from ..bounds import Count, RateHz, Taps, Width

FIRST_HZ = 30.0  # lower edge of the first band at the start, above min_low_hz


@register(
    "SincNet",
    shape="B 1 T -> B {out_channels} T'",
    source="arXiv:1808.00158",
    examples=[
        (
            (2, 1, 80),
            {"out_channels": 4, "kernel_size": 31, "sr_hz": 16000, "stride": 2},
        ),
        (
            (2, 1, 40),
            {"out_channels": 3, "kernel_size": 20, "padding": "same", "gain": "paper"},
        ),
    ],
)
class SincNet(Block):
    """Convolution of the waveform with band-pass filters of which only the two band edges are learned.

    Shape:   (B, 1, N) -> (B, out_channels, N'); N' = N with padding 'same'
    Source:  Ravanelli & Bengio, "Speaker Recognition from Raw Waveform with SincNet", SLT 2018, eq. 4 to 8: the
             difference of two sinc low-pass filters under a Hamming window, mel-spaced at the start. The pass band has
             gain 1; the authors divide each filter by its middle tap, 2 · band / sr_hz, so that theirs are 25 to 110
             times as loud at the start: `gain: paper`, for their checkpoints. An even kernel_size is made odd: the
             attribute `kernel_size` is the number of taps there are. `filters()` and `band_edges_hz()` are for plots.
    """

    class Config(BlockConfig):
        in_channels: int = Field(1, ge=-1, le=1, description="1: the waveform is mono")
        out_channels: Width = Field(description="number of filters")
        kernel_size: Taps = Field(
            251, ge=3, description="taps of a filter; an even number is made odd"
        )
        stride: Taps = Field(1, description="samples between outputs")
        padding: Count | Literal["same"] = Field(
            0, description="samples added on both sides; 'same' keeps N"
        )
        sr_hz: RateHz = Field(16000, description="sample rate of the waveform, in Hz")
        min_low_hz: PositiveFloat = Field(50.0, description="lowest band edge, in Hz")
        min_band_hz: PositiveFloat = Field(
            50.0, description="smallest band width, in Hz"
        )

        gain: Literal["unit", "paper"] = Field(
            "unit",
            description="'unit': 1 in the pass band; 'paper': 1 at the middle tap of each filter",
        )

        @model_validator(mode="after")
        def _can_be_built(self) -> SincNet.Config:
            needed_hz = FIRST_HZ + self.min_low_hz + self.min_band_hz
            nyquist_hz = self.sr_hz / 2
            if needed_hz >= nyquist_hz:
                raise ValueError(
                    f"a band of min_band_hz {self.min_band_hz:g} above min_low_hz {self.min_low_hz:g} does not fit "
                    f"below {nyquist_hz:g} Hz, half of sr_hz; use smaller ones or a higher sr_hz"
                )
            if self.padding == "same" and self.stride != 1:
                raise ValueError(
                    f"padding 'same' needs stride 1, got {self.stride}; give the samples to add"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        half = config.kernel_size // 2
        self.kernel_size = 2 * half + 1
        self.stride = c.stride
        if c.padding == "same":
            self.padding = half
        else:
            self.padding = int(c.padding)
        self.sr_hz = c.sr_hz
        self.min_low_hz = c.min_low_hz
        self.min_band_hz = c.min_band_hz
        self.gain = c.gain

        # Both minima are added in band_edges_hz, so the top edge leaves room for them.
        edges = mel_spaced_hz(
            FIRST_HZ, c.sr_hz / 2 - c.min_low_hz - c.min_band_hz, c.out_channels + 1
        )
        self.low_hz = nn.Parameter(edges[:-1])
        self.band_hz = nn.Parameter(edges.diff())
        # The taps after the middle, as whole numbers, which .to(bfloat16) leaves as they are.
        self.taps: Tensor
        self.register_buffer("taps", torch.arange(1, half + 1), persistent=False)

    def band_edges_hz(self) -> tuple[Tensor, Tensor]:
        """Lower and upper cutoff of each filter, ordered whatever the parameters are: two (out_channels,) in Hz."""
        exact = torch.promote_types(self.low_hz.dtype, torch.float32)
        nyquist_hz = self.sr_hz / 2
        # eq. 5 and 6: magnitudes keep the edges in order, whatever the gradient does to the parameters.
        low = self.min_low_hz + self.low_hz.to(exact).abs()
        low = low.clamp(max=nyquist_hz - self.min_band_hz)
        high = low + self.min_band_hz + self.band_hz.to(exact).abs()
        return low, high.clamp(max=nyquist_hz)

    def filters(self) -> Tensor:
        """Impulse responses, (out_channels, kernel_size), symmetric: the middle tap is time 0."""
        low, high = (
            2 * math.pi / self.sr_hz * edge[:, None] for edge in self.band_edges_hz()
        )
        taps = self.taps.to(low.dtype)
        # eq. 8: a Hamming window, here with time 0 in its middle, hence the plus.
        window = 0.54 + 0.46 * torch.cos(2 * math.pi / (self.kernel_size - 1) * taps)
        # eq. 4 and 7: the difference of two sincs, sin(ω n) / (π n), under the window.
        sincs = torch.sin(high * taps) - torch.sin(low * taps)
        half = sincs * (window / (math.pi * taps))
        # The limit of a sinc at n = 0, where the formula divides 0 by 0.
        middle = (high - low) / math.pi

        # The filters are even, so half of the taps are computed and mirrored: they stay exactly of linear phase.
        filters = torch.cat([half.flip(1), middle, half], dim=1)
        if self.gain == "paper":
            filters = filters / middle
        return filters.to(self.low_hz.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv1d(
            x, self.filters()[:, None], stride=self.stride, padding=self.padding
        )
