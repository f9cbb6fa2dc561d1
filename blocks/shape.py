"""Blocks that only move axes, and Upsample."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from ..registry import Block, BlockConfig, register

ANY = "B ... -> B ...'"
DOCS = "https://docs.pytorch.org/docs/stable/tensor_view.html"


@register("Permute", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dims": [0, 2, 1]})])
class Permute(Block):
    """Axes in another order: axis i of the output is axis dims[i] of the input.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.permute
    """

    class Config(BlockConfig):
        dims: tuple[int, ...] = Field(description="the input's axes in the order of the output, the batch 0 first")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dims = config.dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


@register("Squeeze", shape=ANY, source=DOCS, examples=[((2, 3, 1, 4), {"dim": 2}), ((2, 3, 1, 1), {"dim": [2, 3]})])
class Squeeze(Block):
    """Takes away axes of size 1. An axis of another size is an error here; torch would silently keep it.

    Shape:   (B, ...) -> (B, ...) without `dim`
    Source:  torch.squeeze
    """

    class Config(BlockConfig):
        dim: int | tuple[int, ...] = Field(description="axis or axes to take away; the batch is axis 0")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = (config.dim,) if isinstance(config.dim, int) else config.dim

    def forward(self, x: Tensor) -> Tensor:
        for dim in self.dim:
            if x.shape[dim] != 1:
                raise ValueError(f"Squeeze takes away axes of size 1, but axis {dim} has size {x.shape[dim]}")
        return x.squeeze(self.dim)


@register("UnSqueeze", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dim": 2})])
class UnSqueeze(Block):
    """Adds an axis of size 1.

    Shape:   (B, ...) -> (B, ...) with size 1 at `dim`
    Source:  torch.unsqueeze
    """

    class Config(BlockConfig):
        dim: int = Field(description="where the new axis stands in the output")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = config.dim

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(self.dim)


@register("Flatten", shape=ANY, source=DOCS, examples=[((2, 3, 4, 5), {}), ((2, 3, 4, 5), {"start_dim": 2})])
class Flatten(nn.Flatten, Block):
    """Axes start_dim to end_dim as one.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Flatten
    """

    class Config(BlockConfig):
        start_dim: int = Field(1, description="first axis to join; the batch is axis 0")
        end_dim: int = Field(-1, description="last axis to join")

    def __init__(self, config: Config) -> None:
        super().__init__(**config.model_dump())


@register(
    "Upsample",
    shape="B C ... -> B C ...'",
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html",
    examples=[((2, 3, 4, 5), {"scale_factor": 2.0}), ((2, 3, 5), {"scale_factor": 3.0, "mode": "linear"})],
)
class Upsample(nn.Upsample, Block):
    """More bins and frames by repetition or interpolation.

    Shape:   (B, C, F, T) -> (B, C, F', T'), or (B, C, T) -> (B, C, T')
    Source:  torch.nn.Upsample
    """

    class Config(BlockConfig):
        scale_factor: PositiveFloat | tuple[PositiveFloat, ...] = Field(description="output size over input size")
        mode: Literal["nearest", "linear", "bilinear", "bicubic"] = Field("nearest", description="how values are made")
        align_corners: bool | None = Field(None, description="whether corner values are kept, for the linear modes")

    def __init__(self, config: Config) -> None:
        super().__init__(**config.model_dump())
