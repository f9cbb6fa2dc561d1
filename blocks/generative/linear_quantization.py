"""A waveform as classes of equal width, and back: SampleRNN's quantization."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ...registry import Block, BlockConfig, register

SAMPLERNN = "arXiv:1612.07837"


class LinearConfig(BlockConfig):
    """How many classes."""

    quantization_channels: int = Field(
        256, ge=2, le=65536, description="classes; 256 is 8 bits"
    )


def linear_encode(x: Tensor, quantization_channels: int) -> Tensor:
    """Classes 0 … quantization_channels - 1 of samples in -1 … 1, int64; what lies outside is clipped."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    place = (x + 1) / 2 * quantization_channels
    # 1 itself lies on the upper edge of the last class.
    return place.floor().clamp(0, quantization_channels - 1).long()


def linear_decode(codes: Tensor, quantization_channels: int) -> Tensor:
    """The middle of each class; integers give torch's default type, floating point its own."""
    if not codes.is_floating_point():
        codes = codes.to(torch.get_default_dtype())
    # (k + 1/2) of K steps over -1 … 1: the middle, from which the error is least.
    return (2 * codes + 1) / quantization_channels - 1


@register(
    "LinearEncode", shape="B 1 T -> B T", source=SAMPLERNN, examples=[((2, 1, 9), {})]
)
class LinearEncode(Block):
    """A waveform in -1 … 1 as classes of equal width: what Embedding and cross-entropy take. No gradient.

    Shape:   (B, 1, N) -> (B, N), int64
    Source:  Mehri et al., "SampleRNN", ICLR 2017, section 3. Samples outside are clipped; the authors' code first
             stretches each clip to the whole range, which here is left to the data.
    """

    Config = LinearConfig

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        self.quantization_channels = config.quantization_channels

    def forward(self, x: Tensor) -> Tensor:
        return linear_encode(x, self.quantization_channels)[:, 0]


@register(
    "LinearDecode", shape="B T -> B 1 T", source=SAMPLERNN, examples=[((2, 9), {})]
)
class LinearDecode(Block):
    """Classes of LinearEncode as a waveform again: the middle of each class.

    Shape:   (B, N), integers -> (B, 1, N)
    Source:  Mehri et al., "SampleRNN", ICLR 2017, section 3
    """

    Config = LinearConfig

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        self.quantization_channels = config.quantization_channels

    def forward(self, codes: Tensor) -> Tensor:
        return linear_decode(codes, self.quantization_channels)[:, None]


@register(
    "LinearOneHot",
    shape="B 1 T -> B {quantization_channels} T",
    source=SAMPLERNN,
    examples=[((2, 1, 9), {}), ((2, 1, 9), {"quantization_channels": 16})],
)
class LinearOneHot(Block):
    """A waveform in -1 … 1 as a one in the channel of its class, classes of equal width: the input of SampleRNN.

    Shape:   (B, 1, N) -> (B, quantization_channels, N)
    Source:  Mehri et al., "SampleRNN", ICLR 2017, section 3
    """

    Config = LinearConfig

    def __init__(self, config: LinearConfig) -> None:
        super().__init__()
        self.classes: Tensor
        self.register_buffer(
            "classes",
            torch.arange(config.quantization_channels)[:, None],
            persistent=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        # Compared with a column of all classes, (B, 1, N) becomes (B, K, N) with a one per sample.
        return (linear_encode(x, len(self.classes)) == self.classes).to(x.dtype)
