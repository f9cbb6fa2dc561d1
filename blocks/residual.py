"""Blocks with a shortcut around their convolutions."""

from __future__ import annotations

from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ..registry import Block, BlockConfig, from_axis, register

Pair = PositiveInt | tuple[PositiveInt, PositiveInt]


@register(
    "ResidualBlock",
    shape="B C F T -> B {out_channels} F' T'",
    source="arXiv:1512.03385",
    examples=[
        ((2, 3, 6, 5), {"out_channels": 4}),
        ((2, 4, 6, 5), {"out_channels": 4, "kernel_size": [5, 3], "second_kernel_size": [3, 1], "dilation": [2, 1]}),
        ((2, 4, 7, 6), {"out_channels": 4, "stride": 2}),
        ((2, 3, 6, 5), {"out_channels": 4, "shortcut_norm": False, "bias": True}),
    ],
)
class ResidualBlock(Block):
    """Two convolutions with batch norm, added to the input, then ReLU.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T'); F' = F and T' = T at stride 1
    Source:  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, fig. 2 and option B: the shortcut is
             the identity where shapes agree, else a 1x1 convolution with batch norm. Kernels may be wider than the
             paper's 3x3, of two sizes and dilated: over frequency, that reaches octaves.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        out_channels: PositiveInt = Field(description="channels of the output")
        kernel_size: Pair = Field(3, description="bins and frames of the first convolution")
        second_kernel_size: Pair | None = Field(None, description="of the second convolution; none: kernel_size")
        dilation: Pair = Field(1, description="dilation of the first convolution")
        second_dilation: Pair = Field(1, description="dilation of the second convolution")
        stride: Pair = Field(1, description="stride of the first convolution and of the shortcut")
        bias: bool = Field(False, description="whether the convolutions add a bias, which batch norm takes away")
        shortcut_norm: bool = Field(True, description="whether a projected shortcut has batch norm")

        @property
        def strided(self) -> bool:
            """Whether the output has other sizes than the input."""
            return self.stride not in (1, (1, 1))

        @model_validator(mode="after")
        def _centred(self) -> ResidualBlock.Config:
            if self.strided and any(reach % 2 for reach in _reach(self.kernel_size, self.dilation)):
                raise ValueError("with a stride, kernel_size must be odd: else branch and shortcut differ in size")
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        c, out = config, config.out_channels
        second = c.kernel_size if c.second_kernel_size is None else c.second_kernel_size
        frequency, time = _reach(c.kernel_size, c.dilation)
        padding = (frequency // 2, time // 2) if c.strided else "same"  # torch has no "same" for strides
        self.conv1 = nn.Conv2d(c.in_channels, out, c.kernel_size, c.stride, padding, c.dilation, bias=c.bias)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, second, padding="same", dilation=c.second_dilation, bias=c.bias)
        self.norm2 = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if c.in_channels != out or c.strided:
            project = nn.Conv2d(c.in_channels, out, 1, c.stride, bias=c.bias or not c.shortcut_norm)
            self.shortcut = nn.Sequential(project, nn.BatchNorm2d(out)) if c.shortcut_norm else project

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def _reach(kernel: int | tuple[int, int], dilation: int | tuple[int, int]) -> tuple[int, int]:
    """Bins and frames between the first and the last tap."""
    sizes, steps = _pair(kernel), _pair(dilation)
    return (sizes[0] - 1) * steps[0], (sizes[1] - 1) * steps[1]


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
