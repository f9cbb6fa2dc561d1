"""The fields of the U-Nets."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ...registry import BlockConfig, from_axis
from ..bounds import Layers, Pair, Taps, Width
from ..convolution.convolution import sides
from .unet_stage import check_stage


class UNetConfig(BlockConfig):
    """Fields of every U-Net; those with a size per axis are added for one or two axes."""

    dims: ClassVar[int]
    in_channels: int = from_axis("C")
    out_channels: Width | None = Field(
        None,
        description="channels of a last 1x1 convolution; default: no such convolution, those of the first level",
    )
    depth: Layers = Field(4, le=12, description="how many times the sizes are reduced")
    widths: Width | tuple[Width, ...] = Field(
        64,
        description="channels of the first level, twice as many on each one below; or of all depth + 1 levels",
    )
    stage_config: dict[str, Any] = Field(
        {}, description="fields of the stage's block, its channels left out"
    )
    stage_repeats: Layers = Field(
        1, description="stage blocks on each level, on the way down and on the way up"
    )
    input_norm: bool = Field(
        False,
        description="whether batch norm stands before every stage, or its upsampling",
    )
    downsampling: Literal["max", "average", "strided"] = Field(
        "max", description="pooling, or a strided convolution"
    )
    upsampling: Literal["transposed", "nearest", "linear"] = Field(
        "transposed",
        description="a transposed convolution, or repetition or interpolation and a convolution",
    )
    fit: Literal["pad", "crop"] = Field(
        "pad",
        description="odd sizes: pooling drops the last, zeros come back; or it keeps the last, the rest is cut",
    )
    layout: Literal["ronneberger", "doras"] = Field(
        "ronneberger",
        description="where skips leave and join: before pooling and stage, or after pooling and stage",
    )

    @property
    def levels(self) -> tuple[int, ...]:
        """Channels of each level, the finest first."""
        if isinstance(self.widths, tuple):
            return self.widths
        # Twice the channels per level, as in the paper: features take the place of what is lost in size.
        return tuple(self.widths * 2**i for i in range(self.depth + 1))

    @property
    def steps(self) -> tuple[int, ...]:
        """The stride of each axis."""
        given = sides(getattr(self, "stride", 1))
        return given * (self.dims // len(given))

    @property
    def stage_fields(self) -> dict[str, Any]:
        """What the stage's block is given, its channels left out."""
        kernel_size = getattr(self, "kernel_size", None)
        if kernel_size is None:
            return self.stage_config
        return {"kernel_size": kernel_size, **self.stage_config}

    @property
    def joined(self) -> int:
        """How many times a level's channels leave it upwards: in Doras's layout the skip comes last."""
        if self.layout == "doras":
            return 2
        return 1

    @property
    def width(self) -> int:
        """Channels of the output."""
        return self.out_channels or self.joined * self.levels[0]

    @model_validator(mode="after")
    def _whole(self) -> UNetConfig:
        if len(self.levels) != self.depth + 1:
            counted = f"{len(self.levels)} value{'s' * (len(self.levels) > 1)}"
            raise ValueError(
                f"'widths' has {counted}, but depth {self.depth} has {self.depth + 1} levels"
            )
        has_kernel = getattr(self, "kernel_size", None) is not None
        if has_kernel and "kernel_size" in self.stage_config:
            raise ValueError(
                "'kernel_size' stands beside stage_config and in it: give it once"
            )

        # The stage's fields are tried out here, so that a wrong one is reported at its line and not at the first batch.
        conditioned = "cond_channels" in type(self).model_fields
        check_stage(
            getattr(self, "stage", ""), self.stage_fields, self.dims, conditioned
        )
        return self


class UNet1dConfig(UNetConfig):
    """Fields of UNet1d."""

    dims: ClassVar[int] = 1
    stage: str = Field(
        "ConvBlock1d",
        description="any registered block that keeps T and has out_channels",
    )
    kernel_size: Taps | None = Field(
        None, description="frames, for the stage's block; default: its own default"
    )
    stride: Taps = Field(
        2, description="by how much each level has fewer frames than the one above"
    )


class UNet2dConfig(UNetConfig):
    """Fields of UNet2d."""

    dims: ClassVar[int] = 2
    stage: str = Field(
        "ConvBlock2d",
        description="any registered block that keeps F and T and has out_channels",
    )
    kernel_size: Pair | None = Field(
        None,
        description="bins and frames, for the stage's block; default: its own default",
    )
    stride: Pair = Field(
        2,
        description="by how much each level has fewer bins and frames than the one above",
    )


class ConditionedUNet1dConfig(UNet1dConfig):
    """Fields of ConditionedUNet1d."""

    cond_channels: int = from_axis("D", "features of the condition")
    film: Literal["all", "down"] = Field(
        "all", description="which stages FiLM follows; 'down' is the C-U-Net's"
    )


class ConditionedUNet2dConfig(UNet2dConfig):
    """Fields of ConditionedUNet2d."""

    cond_channels: int = from_axis("D", "features of the condition")
    film: Literal["all", "down"] = Field(
        "all", description="which stages FiLM follows; 'down' is the C-U-Net's"
    )
