"""Going up in resolution by interpolation, alone or before a convolution; ConvTranspose is with the convolutions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import STORED, Block, BlockConfig, TorchLayer, from_axis, register
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
    shape="B C ..., [B ...'] -> B C ...'",
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html",
    examples=[
        ((2, 3, 4, 5), {"scale_factor": 2.0}),
        ((2, 3, 5), {"scale_factor": 3.0, "mode": "linear"}),
        ([(2, 3, 4, 5), (2, 1, 9, 7)], {"size_of": "y", "mode": "bilinear"}),
    ],
)
class Upsample(TorchLayer, nn.Upsample):
    """More bins and frames by repetition or interpolation: by a factor, or up to the size of a stored tensor.

    Shape:   (B, C, F, T) -> (B, C, F', T'), or (B, C, T) -> (B, C, T')
    Source:  torch.nn.Upsample; with `size_of`, torch.nn.functional.interpolate to the other tensor's axes from 2 on.
    """

    class Config(BlockConfig):
        scale_factor: PositiveFloat | tuple[PositiveFloat, ...] | None = Field(
            None, description="output size over input size; or give size_of"
        )
        size_of: str | None = Field(
            None,
            description="the stored tensor or input whose bins and frames the output gets",
            json_schema_extra=STORED,
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

        @model_validator(mode="after")
        def _one_size(self) -> Upsample.Config:
            if self.scale_factor is None and self.size_of is None:
                raise ValueError(
                    "give 'scale_factor', or 'size_of' with the name of a stored tensor"
                )
            if self.scale_factor is not None and self.size_of is not None:
                raise ValueError(
                    "'scale_factor' and 'size_of' both say how large the output is: give one of them"
                )
            return self

        @property
        def is_torchs(self) -> bool:
            """Whether torch's layer does all of it; the size of another tensor is read here."""
            return self.size_of is None

    def __init__(self, config: Config) -> None:
        c = config
        nn.Upsample.__init__(
            self,
            scale_factor=c.scale_factor,
            mode=c.mode,
            align_corners=c.align_corners,
        )

    def forward(self, input: Tensor, like: Tensor | None = None) -> Tensor:
        if like is None:
            return super().forward(input)
        if like.ndim != input.ndim:
            raise ValueError(
                f"the tensor has {input.ndim} axes, and that of 'size_of' {like.ndim}: "
                "there is no size for each axis"
            )
        return functional.interpolate(
            input, like.shape[2:], mode=self.mode, align_corners=self.align_corners
        )
