"""Normalisations. Each plain layer is the torch module itself."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ..registry import Block, BlockConfig, from_axis, register

DOCS = "https://docs.pytorch.org/docs/stable/nn.html#normalization-layers"
BATCH_NORM = "arXiv:1502.03167"


class _BatchNormConfig(BlockConfig):
    num_features: int = from_axis("C")
    eps: PositiveFloat = Field(1e-5, description="added to the variance")
    momentum: float | None = Field(0.1, ge=0, le=1, description="weight of a new batch; none: the mean of all batches")
    affine: bool = Field(True, description="whether a learned scale and shift follow")
    track_running_stats: bool = Field(True, description="whether eval() uses the statistics of training")


@register(
    "BatchNorm1d",
    shape="B C ... -> B C ...",
    source=BATCH_NORM,
    examples=[((3, 4, 5), {}), ((3, 4), {"affine": False})],
)
class BatchNorm1d(nn.BatchNorm1d, Block):
    """Batch normalisation of each channel of (B, C, T), or of each feature of (B, C).

    Shape:   (B, C) or (B, C, T) -> the same
    Source:  Ioffe & Szegedy, "Batch Normalization", ICML 2015; torch.nn.BatchNorm1d
    """

    Config = _BatchNormConfig

    def __init__(self, config: _BatchNormConfig) -> None:
        super().__init__(**config.model_dump())


@register("BatchNorm2d", shape="B C F T -> B C F T", source=BATCH_NORM, examples=[((2, 3, 4, 5), {})])
class BatchNorm2d(nn.BatchNorm2d, Block):
    """Batch normalisation of each channel.

    Shape:   (B, C, F, T) -> (B, C, F, T)
    Source:  Ioffe & Szegedy, "Batch Normalization", ICML 2015; torch.nn.BatchNorm2d
    """

    Config = _BatchNormConfig

    def __init__(self, config: _BatchNormConfig) -> None:
        super().__init__(**config.model_dump())


@register("BatchNorm1dT", shape="B T D -> B T D", source=BATCH_NORM, examples=[((2, 5, 4), {})])
class BatchNorm1dT(Block):
    """Batch normalisation of each feature of a sequence that has its features last.

    Shape:   (B, T, D) -> (B, T, D)
    Source:  Ioffe & Szegedy, "Batch Normalization", ICML 2015; the statistics run over B and T.
    """

    class Config(_BatchNormConfig):
        num_features: int = from_axis("D")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(**config.model_dump())

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.transpose(1, 2))
        return normed.transpose(1, 2)


@register(
    "LayerNorm",
    shape="B ... -> B ...",
    source="arXiv:1607.06450",
    examples=[((2, 3, 4, 5), {}), ((2, 3, 4), {"normalized_shape": 4})],
)
class LayerNorm(nn.LayerNorm, Block):
    """Layer normalisation over all axes but the batch, or over the last ones that `normalized_shape` names.

    Shape:   (B, ...) -> (B, ...)
    Source:  Ba et al., "Layer Normalization", 2016; torch.nn.LayerNorm. Weights have the shape of the axes normalised,
             so these must have fixed sizes.
    """

    class Config(BlockConfig):
        normalized_shape: int | tuple[int, ...] = from_axis(
            "...", "sizes of the last axes to normalise; left out or -1: all but the batch"
        )
        eps: PositiveFloat = Field(1e-5, description="added to the variance")
        elementwise_affine: bool = Field(True, description="whether a learned scale and shift follow")
        bias: bool = Field(True, description="whether the shift is learned too")

    def __init__(self, config: Config) -> None:
        super().__init__(**config.model_dump())


@register(
    "GroupNorm",
    shape="B C ... -> B C ...",
    source="arXiv:1803.08494",
    examples=[((2, 4, 5, 3), {"num_groups": 2, "num_channels": 4})],
)
class GroupNorm(nn.GroupNorm, Block):
    """Normalisation over groups of channels and all that lies behind them.

    Shape:   (B, C, ...) -> (B, C, ...)
    Source:  Wu & He, "Group Normalization", ECCV 2018; torch.nn.GroupNorm
    """

    class Config(BlockConfig):
        num_groups: PositiveInt = Field(description="groups the channels are divided into")
        num_channels: int = from_axis("C")
        eps: PositiveFloat = Field(1e-5, description="added to the variance")
        affine: bool = Field(True, description="whether a learned scale and shift follow")

    def __init__(self, config: Config) -> None:
        super().__init__(**config.model_dump())
