"""LEAF, the learnable front-end, and its pooling."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Eps, Taps
from .gabor import GaborBank, GaborConfig, modulus
from .pcen import PCEN

LEAF_SOURCE = "arXiv:2101.08596"
ROOT_2_PI = math.sqrt(2 * math.pi)  # area of a Gaussian of peak 1 and σ 1


@register(
    "GaussianPool1d",
    shape="B C T -> B C T'",
    source=LEAF_SOURCE,
    examples=[
        ((2, 3, 50), {"kernel_size": 11, "stride": 4}),
        ((2, 3, 50), {"kernel_size": 10, "stride": 7}),
    ],
)
class GaussianPool1d(Block):
    """Every channel smoothed by a Gaussian whose width is learned, and taken every few samples.

    Shape:   (B, C, N) -> (B, C, ceil(N / stride)); frame t is centred on sample t · stride, zeros lie outside
    Source:  Zeghidour et al., "LEAF", ICLR 2021, section 3.2: exp(-t² / 2σ²) / (√(2π) σ). `width` is σ over half the
             kernel, kept between 2 / kernel_size and .5. An even kernel_size is made odd.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        kernel_size: Taps = Field(
            401, ge=5, description="samples of the window; an even number is made odd"
        )
        stride: Taps = Field(160, description="samples between frames")
        width: float = Field(
            0.4, gt=0, le=0.5, description="σ at the start, over half the window"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        half = config.kernel_size // 2
        self.kernel_size = 2 * half + 1
        self.stride = config.stride
        self.width = nn.Parameter(torch.full((config.in_channels, 1), config.width))
        self.taps: Tensor
        self.register_buffer("taps", torch.arange(-half, half + 1), persistent=False)

    def sigmas(self) -> Tensor:
        """(C, 1) the widths of the Gaussians in samples, in float32 at least."""
        exact = torch.promote_types(self.width.dtype, torch.float32)
        # From a window of hardly more than one tap to one that fills the kernel.
        width = self.width.to(exact).clamp(2 / self.kernel_size, 0.5)
        return width * (self.kernel_size // 2)

    def windows(self) -> Tensor:
        """(C, kernel_size) the Gaussians, of area 1."""
        sigmas = self.sigmas()
        peaks_1 = torch.exp(-0.5 * (self.taps.to(sigmas.dtype) / sigmas).square())
        return peaks_1 / (ROOT_2_PI * sigmas)

    def forward(self, x: Tensor) -> Tensor:
        windows = self.windows()[:, None].to(x.dtype)
        # A group per channel: each has its own window, and channels do not mix.
        return functional.conv1d(
            x,
            windows,
            stride=self.stride,
            padding=self.kernel_size // 2,
            groups=len(windows),
        )


@register(
    "LEAF",
    shape="B 1 T -> B {out_channels} T'",
    source=LEAF_SOURCE,
    examples=[((2, 1, 90), {"out_channels": 3, "kernel_size": 21, "stride": 10})],
)
class LEAF(Block):
    """Learnable front-end: Gabor filters, squared modulus, Gaussian pooling, PCEN, with 7 numbers per filter.

    Shape:   (B, 1, N) -> (B, out_channels, ceil(N / stride)); frame t is centred on sample t · stride
    Source:  Zeghidour, Teboul, de Chaumont Quitry & Tagliasacchi, "LEAF: A Learnable Frontend for Audio
             Classification", ICLR 2021, section 3. 25 ms windows every 10 ms at 16 kHz. It is GaborConv1d (padding
             'same', output 'power'), GaussianPool1d and PCEN. Pooling windows have area 1, as in the paper's formula;
             the authors' code has windows of peak 1 and a floor of 1e-5 under the energy. Here the floor is divided
             by the area of such a window (200 at the start), so that it lies equally far below the same sound. At the
             floor no gradient reaches the filters.
    """

    class Config(GaborConfig):
        stride: Taps = Field(160, description="samples between frames")
        pool_width: float = Field(
            0.4,
            gt=0,
            le=0.5,
            description="σ of the pooling at the start, over half the window",
        )
        alpha: float = Field(
            0.96,
            ge=0,
            le=1,
            description="PCEN: strength of the normalisation at the start",
        )
        delta: PositiveFloat = Field(
            2.0, description="PCEN: bias before the root at the start"
        )
        r: float = Field(
            0.5, gt=0, le=1, description="PCEN: exponent of the root at the start"
        )
        smoothing: float = Field(
            0.04,
            gt=0,
            le=1,
            description="PCEN: weight of a new frame in the mean at the start",
        )
        eps: Eps = Field(1e-12, description="PCEN: added to the mean")
        floor: PositiveFloat = Field(
            1e-5,
            description="least energy that PCEN sees, for pooling windows of peak 1",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        # Full rate up to here: the square of a filter's output has twice its bandwidth, and pooling does the striding.
        self.bank = GaborBank(c, stride=1, padding="same")
        pool = {
            "in_channels": c.out_channels,
            "kernel_size": c.kernel_size,
            "stride": c.stride,
            "width": c.pool_width,
        }
        self.pool = GaussianPool1d(GaussianPool1d.Config.model_validate(pool))
        pcen = c.model_dump(include={"alpha", "delta", "r", "smoothing", "eps"})
        self.pcen = PCEN(PCEN.Config(n_bands=c.out_channels, **pcen))
        self.floor = c.floor

    def forward(self, x: Tensor) -> Tensor:
        energy = self.pool(modulus(self.bank(x), "power"))
        # The floor follows the width of the windows, but silence must not teach them a width.
        areas = ROOT_2_PI * self.pool.sigmas().detach()
        floor = (self.floor / areas).to(energy.dtype)
        y: Tensor = self.pcen(torch.maximum(energy, floor))
        return y
