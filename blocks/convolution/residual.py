"""Blocks with a shortcut around their convolutions."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from ...registry import register
from ..bounds import Pair, Taps, Width
from .residual_parts import Residual, ResidualConfig

RESNET = "arXiv:1512.03385"


@register(
    "ResidualBlock",
    shape="B C F T -> B {out_channels} F' T'",
    source=RESNET,
    examples=[
        ((2, 3, 6, 5), {"out_channels": 4}),
        (
            (2, 4, 6, 5),
            {
                "out_channels": 4,
                "kernel_size": [5, 3],
                "second_kernel_size": [3, 1],
                "dilation": [2, 1],
            },
        ),
        ((2, 4, 7, 6), {"out_channels": 4, "stride": 2}),
        ((2, 3, 6, 5), {"out_channels": 4, "shortcut_norm": False, "bias": True}),
        ((2, 3, 6, 5), {"out_channels": 4, "stride": [2, 1], "pre_activation": True}),
    ],
)
class ResidualBlock(Residual):
    """Two convolutions with batch norm, added to the input, then ReLU.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T'); F' = F and T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 2 and option B: the shortcut is
             the identity where shapes agree, else a 1x1 convolution with batch norm. Kernels may be wider than the
             paper's 3x3, of two sizes and dilated: over frequency, that reaches octaves. pre_activation: He et al.,
             "Identity Mappings in Deep Residual Networks", ECCV 2016, fig. 4e; a projection there starts from the
             activated input and has no norm, as in the authors' code.
    """

    class Config(ResidualConfig):
        kernel_size: Pair = Field(
            3, description="bins and frames of the first convolution"
        )
        second_kernel_size: Pair | None = Field(
            None, description="of the second convolution; default: kernel_size"
        )
        dilation: Pair = Field(1, description="dilation of the first convolution")
        second_dilation: Pair = Field(
            1, description="dilation of the second convolution"
        )
        stride: Pair = Field(
            1, description="stride of the first convolution and of the shortcut"
        )

    def __init__(self, config: Config) -> None:
        c = config
        out = config.out_channels
        if c.second_kernel_size is None:
            second = c.kernel_size
        else:
            second = c.second_kernel_size
        convs: list[nn.Module] = [
            nn.Conv2d(
                c.in_channels,
                out,
                c.kernel_size,
                c.stride,
                c.padding,  # type: ignore[arg-type]
                c.dilation,
                bias=c.bias,
            ),
            nn.Conv2d(
                out,
                out,
                second,
                padding="same",
                dilation=c.second_dilation,
                bias=c.bias,
            ),
        ]
        super().__init__(c, convs, 2)


@register(
    "ResidualBlock1d",
    shape="B C T -> B {out_channels} T'",
    source=RESNET,
    examples=[
        ((3, 3, 8), {"out_channels": 4}),
        (
            (3, 3, 9),
            {"out_channels": 4, "stride": 3, "kernel_size": 5, "pre_activation": True},
        ),
    ],
)
class ResidualBlock1d(Residual):
    """Two convolutions over time with batch norm, added to the input, then ReLU: ResidualBlock for (B, C, T).

    Shape:   (B, C, T) -> (B, out_channels, T'); T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 2 and option B, over one axis;
             pre_activation: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, fig. 4e.
    """

    class Config(ResidualConfig):
        kernel_size: Taps = Field(3, description="frames of both convolutions")
        dilation: Taps = Field(1, description="dilation of both convolutions")
        stride: Taps = Field(
            1, description="stride of the first convolution and of the shortcut"
        )

    def __init__(self, config: Config) -> None:
        c = config
        out = config.out_channels
        convs: list[nn.Module] = [
            nn.Conv1d(
                c.in_channels,
                out,
                c.kernel_size,
                c.stride,
                c.padding,  # type: ignore[arg-type]
                c.dilation,
                bias=c.bias,
            ),
            nn.Conv1d(
                out,
                out,
                c.kernel_size,
                padding="same",
                dilation=c.dilation,
                bias=c.bias,
            ),
        ]
        super().__init__(c, convs, 1)


@register(
    "BottleneckBlock",
    shape="B C F T -> B {out_channels} F' T'",
    source=RESNET,
    examples=[
        ((2, 3, 6, 5), {"out_channels": 8}),
        (
            (2, 8, 7, 6),
            {
                "out_channels": 8,
                "bottleneck_channels": 3,
                "stride": 2,
                "kernel_size": [5, 3],
            },
        ),
        ((2, 8, 6, 5), {"out_channels": 8, "pre_activation": True}),
    ],
)
class BottleneckBlock(Residual):
    """A 1x1 convolution to few channels, a wide one there, a 1x1 back, each with batch norm; added to the input; ReLU.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T'); F' = F and T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 5 right and option B. The stride
             is that of the middle convolution, where it skips no input; the paper's is that of the first.
             pre_activation: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, fig. 4e.
    """

    class Config(ResidualConfig):
        bottleneck_channels: Width | None = Field(
            None,
            description="channels in the middle; default: a quarter of out_channels",
        )
        kernel_size: Pair = Field(
            3, description="bins and frames of the middle convolution"
        )
        dilation: Pair = Field(1, description="dilation of the middle convolution")
        stride: Pair = Field(
            1, description="stride of the middle convolution and of the shortcut"
        )

        @property
        def middle(self) -> int:
            """Channels in the middle, one at least."""
            return self.bottleneck_channels or max(1, self.out_channels // 4)

    def __init__(self, config: Config) -> None:
        c = config
        middle = config.middle
        convs: list[nn.Module] = [
            nn.Conv2d(c.in_channels, middle, 1, bias=c.bias),
            nn.Conv2d(
                middle,
                middle,
                c.kernel_size,
                c.stride,
                c.padding,  # type: ignore[arg-type]
                c.dilation,
                bias=c.bias,
            ),
            nn.Conv2d(middle, c.out_channels, 1, bias=c.bias),
        ]
        super().__init__(c, convs, 2)
