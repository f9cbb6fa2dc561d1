"""Convolutions. Each plain layer is the torch module itself: same weights, same keys, no wrapper."""

from __future__ import annotations

import warnings
from typing import Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ..registry import Block, BlockConfig, from_axis, register

Pair = PositiveInt | tuple[PositiveInt, PositiveInt]
Padding = Literal["same", "valid"]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
# torch tells once that an even kernel with padding "same" copies its input: nothing a reader of a graph can act on
warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths")
DOCS = "https://docs.pytorch.org/docs/stable/nn.html#convolution-layers"


class _ConvConfig(BlockConfig):
    in_channels: int = from_axis("C")
    out_channels: PositiveInt = Field(description="channels of the output")


class Conv1dConfig(_ConvConfig):
    """Fields of Conv1d, torch's names and defaults."""

    kernel_size: PositiveInt = Field(description="frames a filter spans")
    stride: PositiveInt = Field(1, description="frames between outputs")
    padding: int | Padding = Field(0, description="frames added on both sides; 'same' keeps T")
    dilation: PositiveInt = Field(1, description="frames between the taps of a filter")
    groups: PositiveInt = Field(1, description="channel groups that do not see each other")
    bias: bool = Field(True, description="whether a bias is added")
    padding_mode: PaddingMode = Field("zeros", description="what the padding holds")


class Conv2dConfig(_ConvConfig):
    """Fields of Conv2d, torch's names and defaults."""

    kernel_size: Pair = Field(description="bins and frames a filter spans")
    stride: Pair = Field(1, description="bins and frames between outputs")
    padding: int | tuple[int, int] | Padding = Field(0, description="bins and frames added on both sides, or 'same'")
    dilation: Pair = Field(1, description="bins and frames between the taps of a filter")
    groups: PositiveInt = Field(1, description="channel groups that do not see each other")
    bias: bool = Field(True, description="whether a bias is added")
    padding_mode: PaddingMode = Field("zeros", description="what the padding holds")


@register(
    "Conv1d",
    shape="B C T -> B {out_channels} T'",
    source=DOCS,
    examples=[
        ((2, 3, 12), {"out_channels": 4, "kernel_size": 3, "stride": 2, "dilation": 2, "padding": 1}),
        ((2, 4, 9), {"in_channels": 4, "out_channels": 6, "kernel_size": 4, "padding": "same", "groups": 2}),
    ],
)
class Conv1d(nn.Conv1d, Block):
    """Convolution over time.

    Shape:   (B, C, T) -> (B, out_channels, T')
    Source:  torch.nn.Conv1d; T' = T with padding 'same'.
    """

    Config = Conv1dConfig

    def __init__(self, config: Conv1dConfig) -> None:
        super().__init__(**config.model_dump())


@register(
    "Conv2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=DOCS,
    examples=[
        ((2, 3, 10, 8), {"out_channels": 4, "kernel_size": [5, 3], "stride": [2, 1], "padding": [2, 1]}),
        ((2, 4, 7, 9), {"in_channels": 4, "out_channels": 6, "kernel_size": 4, "dilation": 2, "groups": 2}),
        ((2, 3, 4, 5), {"out_channels": 2, "kernel_size": [4, 3], "padding": "same", "bias": False}),
    ],
)
class Conv2d(nn.Conv2d, Block):
    """Convolution over frequency and time.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T')
    Source:  torch.nn.Conv2d; F' = F and T' = T with padding 'same'.
    """

    Config = Conv2dConfig

    def __init__(self, config: Conv2dConfig) -> None:
        super().__init__(**config.model_dump())


@register(
    "ConvTranspose1d",
    shape="B C T -> B {out_channels} T'",
    source=DOCS,
    examples=[((2, 3, 5), {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": 1})],
)
class ConvTranspose1d(nn.ConvTranspose1d, Block):
    """Transposed convolution over time: the gradient of a Conv1d, used to go up in resolution.

    Shape:   (B, C, T) -> (B, out_channels, T')
    Source:  torch.nn.ConvTranspose1d
    """

    class Config(_ConvConfig):
        kernel_size: PositiveInt = Field(description="frames a filter spans")
        stride: PositiveInt = Field(1, description="frames of output per frame of input")
        padding: int = Field(0, description="frames cut on both sides of the output")
        output_padding: int = Field(0, description="frames added at the end of the output")
        dilation: PositiveInt = Field(1, description="frames between the taps of a filter")
        groups: PositiveInt = Field(1, description="channel groups that do not see each other")
        bias: bool = Field(True, description="whether a bias is added")

    def __init__(self, config: Config) -> None:
        super().__init__(**config.model_dump())


@register(
    "ConvTranspose2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=DOCS,
    examples=[
        ((2, 3, 4, 5), {"out_channels": 4, "kernel_size": 2, "stride": 2}),
        ((2, 3, 4, 5), {"out_channels": 1, "kernel_size": [11, 3], "stride": [5, 1], "padding": [3, 1]}),
    ],
)
class ConvTranspose2d(nn.ConvTranspose2d, Block):
    """Transposed convolution over frequency and time: the gradient of a Conv2d, used to go up in resolution.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T')
    Source:  torch.nn.ConvTranspose2d
    """

    class Config(_ConvConfig):
        kernel_size: Pair = Field(description="bins and frames a filter spans")
        stride: Pair = Field(1, description="bins and frames of output per bin and frame of input")
        padding: int | tuple[int, int] = Field(0, description="bins and frames cut on both sides of the output")
        output_padding: int | tuple[int, int] = Field(0, description="bins and frames added at the end of the output")
        dilation: Pair = Field(1, description="bins and frames between the taps of a filter")
        groups: PositiveInt = Field(1, description="channel groups that do not see each other")
        bias: bool = Field(True, description="whether a bias is added")

    def __init__(self, config: Config) -> None:
        super().__init__(**config.model_dump())


@register(
    "DepthwiseSeparableConv2d",
    shape="B C F T -> B {out_channels} F' T'",
    source="arXiv:1704.04861",
    examples=[
        ((2, 3, 6, 7), {"out_channels": 5, "kernel_size": 3, "padding": "same"}),
        ((2, 2, 8, 7), {"out_channels": 3, "kernel_size": [3, 2], "kernels_per_layer": 2, "stride": 2}),
    ],
)
class DepthwiseSeparableConv2d(Block):
    """A filter per channel over frequency and time, then a 1x1 convolution that mixes the channels.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T')
    Source:  Howard et al., "MobileNets", 2017, section 3.1. No normalisation or activation in between.
    """

    class Config(_ConvConfig):
        kernel_size: Pair = Field(description="bins and frames a depthwise filter spans")
        stride: Pair = Field(1, description="bins and frames between outputs")
        padding: int | tuple[int, int] | Padding = Field(0, description="bins and frames added, or 'same'")
        dilation: Pair = Field(1, description="bins and frames between the taps of a filter")
        kernels_per_layer: PositiveInt = Field(1, description="depthwise filters per input channel")
        bias: bool = Field(True, description="whether both convolutions add a bias")

    def __init__(self, config: Config) -> None:
        super().__init__()
        c, middle = config, config.in_channels * config.kernels_per_layer
        self.depthwise = nn.Conv2d(
            c.in_channels, middle, c.kernel_size, c.stride, c.padding, c.dilation, groups=c.in_channels, bias=c.bias
        )
        self.pointwise = nn.Conv2d(middle, c.out_channels, 1, bias=c.bias)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed
