"""Going up in resolution by interpolation, alone or before a convolution; ConvTranspose is with the convolutions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor, nn

from ...registry import Block, BlockConfig, TorchLayer, from_axis, register
from ..bounds import Pair, Taps, Width

CHECKERBOARD = "doi:10.23915/distill.00003"


class _UpsampleConvConfig(BlockConfig):
    in_channels: int = from_axis("C")
    out_channels: Width = Field(description="channels of the output")
    bias: bool = Field(True, description="whether a bias is added")


@register(
    "UpsampleConv1d",
    shape="B C T -> B {out_channels} T'",
    source=CHECKERBOARD,
    examples=[
        ((2, 3, 5), {"out_channels": 4}),
        (
            (2, 3, 5),
            {
                "out_channels": 4,
                "scale_factor": 3,
                "mode": "linear",
                "kernel_size": 5,
                "bias": False,
            },
        ),
    ],
)
class UpsampleConv1d(Block):
    """More frames by repetition or interpolation, then a convolution.

    Shape:   (B, C, T) -> (B, out_channels, scale_factor · T)
    Source:  Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016: unlike a transposed convolution,
             whose taps overlap unevenly, this starts without a pattern of the stride.
    """

    class Config(_UpsampleConvConfig):
        scale_factor: Taps = Field(2, description="frames of output per frame of input")
        kernel_size: Taps = Field(
            3, description="frames a filter spans, in the output's resolution"
        )
        mode: Literal["nearest", "linear"] = Field(
            "nearest", description="how frames are made: repeated or between"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        self.upsample = nn.Upsample(scale_factor=float(c.scale_factor), mode=c.mode)
        # Interpolating first leaves no checkerboard, which transposed convolutions have where taps overlap unevenly.
        self.conv = nn.Conv1d(
            c.in_channels, c.out_channels, c.kernel_size, padding="same", bias=c.bias
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.upsample(x))
        return y


@register(
    "UpsampleConv2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=CHECKERBOARD,
    examples=[
        ((2, 3, 4, 5), {"out_channels": 4}),
        (
            (2, 3, 4, 5),
            {
                "out_channels": 2,
                "scale_factor": [3, 1],
                "mode": "bilinear",
                "kernel_size": [5, 3],
            },
        ),
    ],
)
class UpsampleConv2d(Block):
    """More bins and frames by repetition or interpolation, then a convolution.

    Shape:   (B, C, F, T) -> (B, out_channels, scale_factor · F, scale_factor · T)
    Source:  Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016: unlike a transposed convolution,
             whose taps overlap unevenly, this starts without a pattern of the stride.
    """

    class Config(_UpsampleConvConfig):
        scale_factor: Pair = Field(
            2, description="bins and frames of output per bin and frame of input"
        )
        kernel_size: Pair = Field(
            3, description="bins and frames a filter spans, in the output's resolution"
        )
        mode: Literal["nearest", "bilinear", "bicubic"] = Field(
            "nearest", description="how values between are made"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        if isinstance(c.scale_factor, int):
            scale = (c.scale_factor,) * 2
        else:
            scale = c.scale_factor
        self.upsample = nn.Upsample(
            scale_factor=(float(scale[0]), float(scale[1])), mode=c.mode
        )
        self.conv = nn.Conv2d(
            c.in_channels, c.out_channels, c.kernel_size, padding="same", bias=c.bias
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.upsample(x))
        return y


@register(
    "Upsample",
    shape="B C ... -> B C ...'",
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html",
    examples=[
        ((2, 3, 4, 5), {"scale_factor": 2.0}),
        ((2, 3, 5), {"scale_factor": 3.0, "mode": "linear"}),
    ],
)
class Upsample(TorchLayer, nn.Upsample):
    """More bins and frames by repetition or interpolation.

    Shape:   (B, C, F, T) -> (B, C, F', T'), or (B, C, T) -> (B, C, T')
    Source:  torch.nn.Upsample
    """

    class Config(BlockConfig):
        scale_factor: PositiveFloat | tuple[PositiveFloat, ...] = Field(
            description="output size over input size"
        )
        mode: Literal["nearest", "linear", "bilinear", "bicubic"] = Field(
            "nearest", description="how values are made"
        )
        align_corners: bool | None = Field(
            None, description="whether corner values are kept, for the linear modes"
        )

        @model_validator(mode="after")
        def _has_corners(self) -> Upsample.Config:
            if self.mode == "nearest" and self.align_corners is not None:
                raise ValueError(
                    "'align_corners' needs a mode that interpolates; mode is 'nearest'"
                )
            return self
