"""Blocks with a shortcut around their convolutions."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Pair, Taps, Width
from .convolution import sides

RESNET = "arXiv:1512.03385"
CONVS = {1: nn.Conv1d, 2: nn.Conv2d}
NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


class _ResidualConfig(BlockConfig):
    """What all have in common; `kernel_size` and `dilation` are those of the strided convolution."""

    in_channels: int = from_axis("C")
    out_channels: Width = Field(description="channels of the output")
    bias: bool = Field(
        False,
        description="whether the convolutions add a bias, which batch norm takes away",
    )
    shortcut_norm: bool = Field(
        True, description="whether a projected shortcut has batch norm"
    )
    pre_activation: bool = Field(
        False,
        description="batch norm and ReLU before each convolution, not after (He 2016)",
    )

    @property
    def strided(self) -> bool:
        """Whether the output has other sizes than the input."""
        return any(step != 1 for step in sides(getattr(self, "stride", 1)))

    @property
    def padding(self) -> str | tuple[int, ...]:
        """That of the convolution with the stride; torch has no "same" for strides."""
        if self.strided:
            return tuple(size // 2 for size in _reach(self))
        return "same"

    @model_validator(mode="after")
    def _centred(self) -> _ResidualConfig:
        if self.strided and any(reach % 2 for reach in _reach(self)):
            raise ValueError(
                "with a stride, kernel_size must be odd: else branch and shortcut differ in size"
            )
        return self


def _reach(config: Any) -> tuple[int, ...]:
    """Bins and frames between the first and the last tap."""
    kernel = sides(config.kernel_size)
    dilation = sides(config.dilation)
    axes = range(max(len(kernel), len(dilation)))
    return tuple(
        (kernel[i % len(kernel)] - 1) * dilation[i % len(dilation)] for i in axes
    )


class _Residual(Block):
    """Pairs of a convolution and its norm, `conv1` and `norm1` on, and the shortcut beside them."""

    def __init__(self, config: Any, convs: list[nn.Module], dims: int) -> None:
        super().__init__()
        c = config
        self.count = len(convs)
        self.pre_activation = c.pre_activation
        for i, conv in enumerate(convs, start=1):
            if c.pre_activation:
                channels: Any = conv.in_channels
            else:
                channels = conv.out_channels
            setattr(self, f"conv{i}", conv)
            setattr(self, f"norm{i}", NORMS[dims](channels))
        self.shortcut: nn.Module = nn.Identity()
        self.projects = c.in_channels != c.out_channels or c.strided
        if self.projects:
            normed = c.shortcut_norm and not c.pre_activation
            project = CONVS[dims](
                c.in_channels, c.out_channels, 1, c.stride, bias=c.bias or not normed
            )
            if normed:
                self.shortcut = nn.Sequential(project, NORMS[dims](c.out_channels))
            else:
                self.shortcut = project

    def forward(self, x: Tensor) -> Tensor:
        pairs = [
            (getattr(self, f"conv{i}"), getattr(self, f"norm{i}"))
            for i in range(1, self.count + 1)
        ]
        if self.pre_activation:
            return self._pre_activated(x, pairs)
        return self._activated(x, pairs)

    def _activated(self, x: Tensor, pairs: list[Any]) -> Tensor:
        y = x
        for conv, norm in pairs[:-1]:
            y = functional.relu(norm(conv(y)))
        conv, norm = pairs[-1]
        added: Tensor = norm(conv(y)) + self.shortcut(x)
        return functional.relu(added)

    def _pre_activated(self, x: Tensor, pairs: list[Any]) -> Tensor:
        y = first = functional.relu(pairs[0][1](x))
        y = pairs[0][0](y)
        for conv, norm in pairs[1:]:
            y = conv(functional.relu(norm(y)))
        added: Tensor = y + self.shortcut(first if self.projects else x)
        return added


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
class ResidualBlock(_Residual):
    """Two convolutions with batch norm, added to the input, then ReLU.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T'); F' = F and T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 2 and option B: the shortcut is
             the identity where shapes agree, else a 1x1 convolution with batch norm. Kernels may be wider than the
             paper's 3x3, of two sizes and dilated: over frequency, that reaches octaves. pre_activation: He et al.,
             "Identity Mappings in Deep Residual Networks", ECCV 2016, fig. 4e; a projection there starts from the
             activated input and has no norm, as in the authors' code.
    """

    class Config(_ResidualConfig):
        kernel_size: Pair = Field(
            3, description="bins and frames of the first convolution"
        )
        second_kernel_size: Pair | None = Field(
            None, description="of the second convolution; none: kernel_size"
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
class ResidualBlock1d(_Residual):
    """Two convolutions over time with batch norm, added to the input, then ReLU: ResidualBlock for (B, C, T).

    Shape:   (B, C, T) -> (B, out_channels, T'); T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 2 and option B, over one axis;
             pre_activation: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, fig. 4e.
    """

    class Config(_ResidualConfig):
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
class BottleneckBlock(_Residual):
    """A 1x1 convolution to few channels, a wide one there, a 1x1 back, each with batch norm; added to the input; ReLU.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T'); F' = F and T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 5 right and option B. The stride
             is that of the middle convolution, where it skips no input; the paper's is that of the first.
             pre_activation: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, fig. 4e.
    """

    class Config(_ResidualConfig):
        bottleneck_channels: Width | None = Field(
            None, description="channels in the middle; none: a quarter of out_channels"
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
