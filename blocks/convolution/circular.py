"""Convolution over an axis that has no ends: the twelve pitch classes."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Pair, Taps, Width


@register(
    "CircularConv2d",
    shape="B C F T -> B {out_channels} F T",
    source="Elowsson & Friberg, ISMIR 2019",
    examples=[
        ((2, 3, 12, 8), {"out_channels": 4, "kernel_size": [12, 5], "dilation": 2}),
        ((2, 2, 7, 6), {"out_channels": 3, "kernel_size": [2, 4], "bias": False}),
    ],
)
class CircularConv2d(Block):
    """Convolution over bins that close a circle, such as pitch classes, and over time with zeros around it.

    To rotate the input's bins is to rotate the output's: what is learned in one key holds in all twelve. With a kernel
    of F bins every output sees all bins, each by its own weight.

    Shape:   (B, C, F, T) -> (B, out_channels, F, T)
    Source:  Elowsson & Friberg, "Modeling Music Modality with a Key-Class Invariant Pitch Chroma CNN", ISMIR 2019.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        out_channels: Width = Field(description="channels of the output")
        kernel_size: Pair = Field(description="bins and frames a filter spans")
        dilation: Taps = Field(1, description="frames between the taps of a filter")
        bias: bool = Field(True, description="whether a bias is added")

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        if isinstance(c.kernel_size, tuple):
            rows, frames = c.kernel_size
        else:
            rows, frames = (c.kernel_size,) * 2

        # Of an even kernel, the extra tap lies behind: later in time, higher in pitch.
        reach = (frames - 1) * c.dilation
        self.around = (reach // 2, reach - reach // 2), ((rows - 1) // 2, rows // 2)
        self.conv = nn.Conv2d(
            c.in_channels,
            c.out_channels,
            (rows, frames),
            dilation=(1, c.dilation),
            bias=c.bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        frames, bins = self.around
        # Beyond a whole circle a tap would meet a bin twice, and torch refuses to pad so far.
        if sum(bins) >= x.shape[2]:
            raise ValueError(
                f"'kernel_size' spans {sum(bins) + 1} bins, more than the circle of {x.shape[2]} has"
            )
        # Bins close the circle; before the first frame and after the last there is silence.
        closed = functional.pad(x, (0, 0, *bins), mode="circular")
        y: Tensor = self.conv(functional.pad(closed, frames))
        return y
