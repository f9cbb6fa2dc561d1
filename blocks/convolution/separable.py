"""Depthwise separable convolutions."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from ...registry import Block, register
from ..bounds import Count, Pair, Taps, Width
from .convolution import ConvConfig, Counts, Padding

MOBILENETS = "arXiv:1704.04861"


class _SeparableConfig(ConvConfig):
    kernels_per_layer: Width = Field(
        1, description="depthwise filters per input channel"
    )
    bias: bool = Field(True, description="whether both convolutions add a bias")


@register(
    "DepthwiseSeparableConv1d",
    shape="B C T -> B {out_channels} T'",
    source=MOBILENETS,
    examples=[
        ((2, 3, 7), {"out_channels": 5, "kernel_size": 3, "padding": "same"}),
        (
            (2, 2, 9),
            {
                "out_channels": 3,
                "kernel_size": 3,
                "kernels_per_layer": 2,
                "stride": 2,
                "bias": False,
            },
        ),
    ],
)
class DepthwiseSeparableConv1d(Block):
    """A filter per channel over time, then a convolution of one tap that mixes the channels.

    Shape:   (B, C, T) -> (B, out_channels, T'); T' = T with padding 'same'
    Source:  Howard et al., "MobileNets", 2017, section 3.1, over one axis. No normalisation or activation in between.
    """

    class Config(_SeparableConfig):
        kernel_size: Taps = Field(description="frames a depthwise filter spans")
        stride: Taps = Field(1, description="frames between outputs")
        padding: Count | Padding = Field(
            0, description="frames added on both sides, or 'same'"
        )
        dilation: Taps = Field(1, description="frames between the taps of a filter")

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        middle = config.in_channels * config.kernels_per_layer
        # As many groups as channels: each is filtered by itself, and the 1x1 convolution mixes them.
        self.depthwise = nn.Conv1d(
            c.in_channels,
            middle,
            c.kernel_size,
            c.stride,
            c.padding,
            c.dilation,
            groups=c.in_channels,
            bias=c.bias,
        )
        self.pointwise = nn.Conv1d(middle, c.out_channels, 1, bias=c.bias)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed


@register(
    "DepthwiseSeparableConv2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=MOBILENETS,
    examples=[
        ((2, 3, 6, 7), {"out_channels": 5, "kernel_size": 3, "padding": "same"}),
        (
            (2, 2, 8, 7),
            {
                "out_channels": 3,
                "kernel_size": [3, 2],
                "kernels_per_layer": 2,
                "stride": 2,
            },
        ),
    ],
)
class DepthwiseSeparableConv2d(Block):
    """A filter per channel over frequency and time, then a 1x1 convolution that mixes the channels.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T'); F' = F and T' = T with padding 'same'
    Source:  Howard et al., "MobileNets", 2017, section 3.1. No normalisation or activation in between.
    """

    class Config(_SeparableConfig):
        kernel_size: Pair = Field(
            description="bins and frames a depthwise filter spans"
        )
        stride: Pair = Field(1, description="bins and frames between outputs")
        padding: Counts | Padding = Field(
            0, description="bins and frames added on both sides, or 'same'"
        )
        dilation: Pair = Field(
            1, description="bins and frames between the taps of a filter"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        middle = config.in_channels * config.kernels_per_layer
        # As many groups as channels: each is filtered by itself, and the 1x1 convolution mixes them.
        self.depthwise = nn.Conv2d(
            c.in_channels,
            middle,
            c.kernel_size,
            c.stride,
            c.padding,
            c.dilation,
            groups=c.in_channels,
            bias=c.bias,
        )
        self.pointwise = nn.Conv2d(middle, c.out_channels, 1, bias=c.bias)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed
