"""μ-law companding: a waveform as 256 classes, and back."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from ...registry import Block, BlockConfig, register
from ..bounds import Width

SOURCE = "ITU-T G.711; arXiv:1609.03499"


class MuLawConfig(BlockConfig):
    """How many classes."""

    quantization_channels: Width = Field(
        256, ge=2, description="classes; 256 is 8 bits"
    )


def mu_law_encode(x: Tensor, quantization_channels: int) -> Tensor:
    """Classes 0 … quantization_channels - 1 of samples in -1 … 1, int64; what lies outside is clipped."""
    mu = quantization_channels - 1
    x = x.to(torch.promote_types(x.dtype, torch.float32)).clamp(-1, 1)
    # f(x) = sign(x) ln(1 + μ|x|) / ln(1 + μ): fine steps for soft samples, coarse ones for loud.
    companded = x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)
    # + .5 and cutting off round to the nearest of the μ + 1 classes.
    return ((companded + 1) / 2 * mu + 0.5).long()


def mu_law_decode(codes: Tensor, quantization_channels: int) -> Tensor:
    """Samples in -1 … 1 of classes; integers give torch's default type, floating point its own."""
    mu = quantization_channels - 1
    if not codes.is_floating_point():
        codes = codes.to(torch.get_default_dtype())
    companded = 2 * codes / mu - 1
    # Its inverse: sign(y) ((1 + μ)^|y| - 1) / μ.
    return companded.sign() * torch.expm1(companded.abs() * math.log1p(mu)) / mu


@register(
    "MuLawEncode", shape="B 1 T -> B T", source=SOURCE, examples=[((2, 1, 9), {})]
)
class MuLawEncode(Block):
    """A waveform in -1 … 1 as classes, finer near zero: what Embedding and cross-entropy take. No gradient.

    Shape:   (B, 1, N) -> (B, N), int64
    Source:  ITU-T G.711; van den Oord et al., "WaveNet", 2016, section 2.2. Louder samples are clipped.
    """

    Config = MuLawConfig

    def __init__(self, config: MuLawConfig) -> None:
        super().__init__()
        self.quantization_channels = config.quantization_channels

    def forward(self, x: Tensor) -> Tensor:
        return mu_law_encode(x, self.quantization_channels)[:, 0]


@register("MuLawDecode", shape="B T -> B 1 T", source=SOURCE, examples=[((2, 9), {})])
class MuLawDecode(Block):
    """Classes of MuLawEncode as a waveform again, to the precision of the classes.

    Shape:   (B, N), integers -> (B, 1, N)
    Source:  ITU-T G.711; van den Oord et al., "WaveNet", 2016, section 2.2
    """

    Config = MuLawConfig

    def __init__(self, config: MuLawConfig) -> None:
        super().__init__()
        self.quantization_channels = config.quantization_channels

    def forward(self, codes: Tensor) -> Tensor:
        return mu_law_decode(codes, self.quantization_channels)[:, None]


@register(
    "MuLawOneHot",
    shape="B 1 T -> B {quantization_channels} T",
    source=SOURCE,
    examples=[((2, 1, 9), {}), ((2, 1, 9), {"quantization_channels": 16})],
)
class MuLawOneHot(Block):
    """A waveform in -1 … 1 as a one in the channel of its μ-law class, zeros elsewhere: the input of WaveNet.

    Shape:   (B, 1, N) -> (B, quantization_channels, N)
    Source:  van den Oord et al., "WaveNet", 2016, section 2.2 (ITU-T G.711)
    """

    Config = MuLawConfig

    def __init__(self, config: MuLawConfig) -> None:
        super().__init__()
        self.classes: Tensor
        self.register_buffer(
            "classes",
            torch.arange(config.quantization_channels)[:, None],
            persistent=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        # Compared with a column of all classes, (B, 1, N) becomes (B, K, N) with a one per sample.
        return (mu_law_encode(x, len(self.classes)) == self.classes).to(x.dtype)
