"""The SincNet filter bank."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from ..registry import Block, BlockConfig, register


@register(
    "SincNet",
    shape="B 1 T -> B {out_channels} T'",
    source="arXiv:1808.00158",
    examples=[((2, 1, 80), {"out_channels": 4, "kernel_size": 31, "sr_hz": 16000, "stride": 2})],
)
class SincNet(Block):
    """Convolution of the waveform with band-pass filters of which only the two band edges are learned.

    Shape:   (B, 1, N) -> (B, out_channels, N')
    Source:  Ravanelli & Bengio, "Speaker Recognition from Raw Waveform with SincNet", SLT 2018, eq. 4 to 8: the
             difference of two sinc low-pass filters under a Hamming window, mel-spaced at the start. The pass band has
             gain 1 (the paper divides by the peak of the impulse response). An even kernel_size is made odd.
    """

    class Config(BlockConfig):
        in_channels: int = Field(1, ge=-1, le=1, description="1: the waveform is mono")
        out_channels: PositiveInt = Field(description="number of filters")
        kernel_size: PositiveInt = Field(251, ge=3, description="taps of a filter; an even number is made odd")
        stride: PositiveInt = Field(1, description="samples between outputs")
        padding: int = Field(0, ge=0, description="samples added on both sides")
        sr_hz: PositiveInt = Field(16000, description="sample rate of the waveform, in Hz")
        min_low_hz: PositiveFloat = Field(50.0, description="lowest band edge, in Hz")
        min_band_hz: PositiveFloat = Field(50.0, description="smallest band width, in Hz")

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        half = c.kernel_size // 2
        self.kernel_size, self.stride, self.padding = 2 * half + 1, c.stride, c.padding
        self.min_low_hz, self.min_band_hz, self.nyquist_hz = c.min_low_hz, c.min_band_hz, c.sr_hz / 2
        edges = _mel_spaced(30.0, c.sr_hz / 2 - c.min_low_hz - c.min_band_hz, c.out_channels + 1)
        self.low_hz = nn.Parameter(edges[:-1])
        self.band_hz = nn.Parameter(edges.diff())
        self.times_s: Tensor
        self.window: Tensor
        self.register_buffer("times_s", torch.arange(-half, half + 1) / c.sr_hz)
        self.register_buffer("window", torch.hamming_window(self.kernel_size, periodic=False) / c.sr_hz)

    def band_edges_hz(self) -> tuple[Tensor, Tensor]:
        """Lower and upper cutoff of each filter, ordered whatever the parameters are: two (out_channels,) in Hz."""
        low = (self.min_low_hz + self.low_hz.abs()).clamp(max=self.nyquist_hz - self.min_band_hz)
        high = (low + self.min_band_hz + self.band_hz.abs()).clamp(max=self.nyquist_hz)
        return low, high

    def filters(self) -> Tensor:
        """Impulse responses, (out_channels, kernel_size)."""
        low, high = (edge[:, None] for edge in self.band_edges_hz())
        ideal = 2 * high * torch.sinc(2 * high * self.times_s) - 2 * low * torch.sinc(2 * low * self.times_s)
        return ideal * self.window

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv1d(x, self.filters()[:, None], stride=self.stride, padding=self.padding)


def _mel_spaced(low_hz: float, high_hz: float, count: int) -> Tensor:
    """Frequencies equally spaced on the mel scale 2595 log10(1 + f / 700)."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    return 700 * (10 ** (torch.linspace(low, high, count) / 2595) - 1)
