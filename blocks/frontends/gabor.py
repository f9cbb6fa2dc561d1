"""Complex Gabor filters on the waveform."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    model_validator,
)
from torch import Tensor, nn
from torch.nn import functional

from ...features.mel_scale import mel_spaced_hz
from ...registry import Block, BlockConfig, register
from ..bounds import Count, RateHz, Taps, Width

# Half the width at half height of a Gaussian, over its standard deviation.
HALF_WIDTH = math.sqrt(2 * math.log(2))
# Width of a mel triangle at a quarter of its height, over its base: there its square root is at half height.
QUARTER_HEIGHT = 0.75


class GaborConfig(BlockConfig):
    """Fields of a bank of Gabor filters."""

    in_channels: int = Field(1, ge=-1, le=1, description="1: the waveform is mono")
    out_channels: Width = Field(40, description="number of filters")
    kernel_size: Taps = Field(
        401, ge=5, description="taps of a filter; an even number is made odd"
    )
    sr_hz: RateHz = Field(16000, description="sample rate of the waveform, in Hz")
    fmin_hz: NonNegativeFloat = Field(
        60.0, description="lower end of the lowest band at the start, in Hz"
    )
    fmax_hz: PositiveFloat | None = Field(
        None, description="upper end of the highest, in Hz; default: sr_hz / 2"
    )

    @model_validator(mode="after")
    def _bands_fit(self) -> GaborConfig:
        if not self.fmin_hz < self.top_hz <= self.sr_hz / 2:
            raise ValueError(
                f"bands from fmin_hz {self.fmin_hz:g} to fmax_hz {self.top_hz:g} do not lie between 0 and "
                f"{self.sr_hz / 2:g} Hz, half of sr_hz"
            )
        return self

    @property
    def top_hz(self) -> float:
        """Upper end of the highest band."""
        if self.fmax_hz is None:
            return self.sr_hz / 2
        return self.fmax_hz


class GaborBank(nn.Module):
    """The filters exp(iηt) exp(-t² / 2σ²) / (√(2π) σ): `center` is η in radians per sample, `width` is σ in samples.
    (B, 1, N) -> (B, 2 · out_channels, N'), real parts first.
    """

    def __init__(
        self, config: GaborConfig, stride: int, padding: int | Literal["same"]
    ) -> None:
        super().__init__()
        c = config
        half = config.kernel_size // 2
        self.kernel_size = 2 * half + 1
        self.stride = stride
        self.sr_hz = c.sr_hz
        if padding == "same":
            self.padding = half
        else:
            self.padding = int(padding)

        # Two edges more than filters: filter i reaches from edge i to i + 2, with its centre η in between.
        edges = mel_spaced_hz(c.fmin_hz, c.top_hz, c.out_channels + 2)
        self.center = nn.Parameter(2 * math.pi / c.sr_hz * edges[1:-1])

        # As wide at half height as the square root of the mel triangle from one edge to the next but one.
        spans_hz = edges[2:] - edges[:-2]
        self.width = nn.Parameter(
            HALF_WIDTH * c.sr_hz / (math.pi * QUARTER_HEIGHT * spans_hz)
        )
        self.taps: Tensor  # whole numbers: bfloat16 would round them
        self.register_buffer("taps", torch.arange(-half, half + 1), persistent=False)

    def limited(self) -> tuple[Tensor, Tensor]:
        """η in 0 … π, and σ for widths at half height of 1 / kernel_size … 1 / 4 of the sample rate."""
        exact = torch.promote_types(self.center.dtype, torch.float32)
        # A centre beyond π would be an alias; a filter is no longer than its kernel, nor shorter than a few taps.
        center = self.center.to(exact).clamp(0, math.pi)
        narrowest = 4 * HALF_WIDTH / math.pi
        widest = self.kernel_size * HALF_WIDTH / math.pi
        return center, self.width.to(exact).clamp(narrowest, widest)

    def parts(self) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts of the impulse responses, two (out_channels, kernel_size)."""
        center, width = (value[:, None] for value in self.limited())
        taps = self.taps.to(center.dtype)
        area = math.sqrt(2 * math.pi) * width
        # eq. 3: φ(t) = exp(iηt) exp(-t² / 2σ²) / (√(2π) σ), its real and its imaginary part.
        envelope = torch.exp(-0.5 * (taps / width).square()) / area
        return envelope * torch.cos(center * taps), envelope * torch.sin(center * taps)

    def forward(self, x: Tensor) -> Tensor:
        real, imag = self.parts()
        # conv1d correlates, so it takes the filter read backwards, which is the conjugate.
        weight = torch.cat([real, -imag])[:, None].to(x.dtype)
        return functional.conv1d(x, weight, stride=self.stride, padding=self.padding)


@register(
    "GaborConv1d",
    shape="B 1 T -> B {channels} T'",
    source="arXiv:2101.08596",
    examples=[
        ((2, 1, 60), {"out_channels": 3, "kernel_size": 21, "padding": "same"}),
        (
            (2, 1, 60),
            {"out_channels": 3, "kernel_size": 20, "stride": 4, "output": "magnitude"},
        ),
        ((2, 1, 60), {"out_channels": 3, "kernel_size": 21, "output": "power"}),
    ],
)
class GaborConv1d(Block):
    """Convolution of the waveform with complex Gabor filters, of which centre and width are learned.

    Shape:   (B, 1, N) -> (B, 2 · out_channels, N') with output 'complex': real parts of all filters, then imaginary
             parts; (B, out_channels, N') else. N' = N with padding 'same'.
    Source:  Zeghidour et al., "LEAF: A Learnable Frontend for Audio Classification", ICLR 2021, section 3.1 and eq. 3:
             Gaussians in frequency, at the start mel-spaced and as wide as the square root of a mel triangle. An even
             kernel_size is made odd. `filters()`, `center_hz()` and `bandwidth_hz()` are for plots.
    """

    class Config(GaborConfig):
        stride: Taps = Field(1, description="samples between outputs")
        padding: Count | Literal["same"] = Field(
            0, description="samples added on both sides; 'same' keeps N"
        )
        output: Literal["complex", "magnitude", "power"] = Field(
            "complex",
            description="real and imaginary parts as channels, their magnitude, or its square",
        )

        @model_validator(mode="after")
        def _padding_fits(self) -> GaborConv1d.Config:
            if self.padding == "same" and self.stride != 1:
                raise ValueError(
                    f"padding 'same' needs stride 1, got {self.stride}; give the samples to add"
                )
            return self

        @property
        def channels(self) -> int:
            """Channels of the output: two for each filter if complex."""
            return self.out_channels * (2 if self.output == "complex" else 1)

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.output = config.output
        self.bank = GaborBank(config, config.stride, config.padding)

    def filters(self) -> Tensor:
        """Impulse responses, complex (out_channels, kernel_size): the middle tap is time 0."""
        return torch.complex(*self.bank.parts())

    def center_hz(self) -> Tensor:
        """(out_channels,) centre of each pass band."""
        return self.bank.limited()[0] * (self.bank.sr_hz / (2 * math.pi))

    def bandwidth_hz(self) -> Tensor:
        """(out_channels,) width of each pass band at half height."""
        return HALF_WIDTH * self.bank.sr_hz / (math.pi * self.bank.limited()[1])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bank(x)
        return modulus(y, self.output)


def modulus(y: Tensor, output: Literal["complex", "magnitude", "power"]) -> Tensor:
    """(B, 2 C, N) real and imaginary parts -> themselves, or (B, C, N) magnitude or power."""
    if output == "complex":
        return y

    # Real parts of all filters come first, then the imaginary ones.
    real, imag = y.chunk(2, dim=1)
    if output == "power":
        return real.square() + imag.square()
    # The gradient of this norm at 0 is 0, where that of a root of squares would be NaN.
    magnitude: Tensor = torch.linalg.vector_norm(torch.stack([real, imag]), dim=0)
    return magnitude
