"""Normalisations. Each plain layer is the torch module itself."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import INFER, Block, BlockConfig, TorchLayer, from_axis, register
from ...shapes import Axes
from ..bounds import Eps, Width
from .axis import Dims, OwnAxes, refuse_axis

DOCS = "https://docs.pytorch.org/docs/stable/nn.html#normalization-layers"
BATCH_NORM = "arXiv:1502.03167"
INSTANCE_NORM = "arXiv:1607.08022"


class _BatchNormConfig(BlockConfig):
    num_features: int = from_axis("C")
    eps: Eps = Field(1e-5, description="added to the variance")
    momentum: float | None = Field(
        0.1,
        ge=0,
        le=1,
        description="weight of a new batch; null: the mean of all batches",
    )
    affine: bool = Field(True, description="whether a learned scale and shift follow")
    track_running_stats: bool = Field(
        True, description="whether eval() uses the statistics of training"
    )


@register(
    "BatchNorm1d",
    shape="B C ... -> B C ...",
    source=BATCH_NORM,
    examples=[((3, 4, 5), {}), ((3, 4), {"affine": False})],
)
class BatchNorm1d(TorchLayer, nn.BatchNorm1d):
    """Batch normalisation of each channel of (B, C, T), or of each feature of (B, C).

    Shape:   (B, C) or (B, C, T) -> the same
    Source:  Ioffe & Szegedy, "Batch Normalization", ICML 2015; torch.nn.BatchNorm1d. Models published in Keras have
             an eps of 1e-3, a hundred times torch's: give it for their weights.
    """

    Config = _BatchNormConfig


@register(
    "BatchNorm2d",
    shape="B C F T -> B C F T",
    source=BATCH_NORM,
    examples=[((2, 3, 4, 5), {})],
)
class BatchNorm2d(TorchLayer, nn.BatchNorm2d):
    """Batch normalisation of each channel.

    Shape:   (B, C, F, T) -> (B, C, F, T)
    Source:  Ioffe & Szegedy, "Batch Normalization", ICML 2015; torch.nn.BatchNorm2d. Models published in Keras have
             an eps of 1e-3, a hundred times torch's: give it for their weights.
    """

    Config = _BatchNormConfig


@register(
    "BatchNorm1dT",
    shape="B T D -> B T D",
    source=BATCH_NORM,
    examples=[((2, 5, 4), {})],
)
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
class LayerNorm(TorchLayer, nn.LayerNorm):
    """Layer normalisation over all axes but the batch, or over the last ones that `normalized_shape` names.

    Shape:   (B, ...) -> (B, ...)
    Source:  Ba et al., "Layer Normalization", 2016; torch.nn.LayerNorm. Weights have the shape of the axes normalised,
             so these must have fixed sizes.
    """

    class Config(BlockConfig):
        normalized_shape: int | tuple[int, ...] = from_axis(
            "...",
            "sizes of the last axes to normalise; left out or -1: all but the batch",
        )
        eps: Eps = Field(1e-5, description="added to the variance")
        elementwise_affine: bool = Field(
            True, description="whether a learned scale and shift follow"
        )
        bias: bool = Field(True, description="whether the shift is learned too")


@register(
    "LayerNormAxes",
    shape="B ... -> B ...",
    source="arXiv:1607.06450",
    examples=[
        ((2, 3, 4, 5), {}),
        ((2, 3, 4, 5), {"dims": [1, 2], "bias": False}),
        ((2, 3, 4), {"dims": -1}),
    ],
)
class LayerNormAxes(Block):
    """Layer normalisation over chosen axes, the channels if none are chosen; the others keep their own statistics.

    Shape:   (B, ...) -> (B, ...)
    Source:  Ba et al., "Layer Normalization", 2016, eq. 3. Over the channels, the norm of ConvNeXt; `dims: 2` of
             (B, C, F, T), each frame over its bins. Weights have the shape of the axes normalised, so these must have
             fixed sizes.
    """

    class Config(BlockConfig):
        dims: Dims = Field(
            1, description="axis or axes to normalise over; the batch is axis 0"
        )
        sizes: Annotated[int, Field(ge=INFER, le=65_536)] | tuple[Width, ...] = Field(
            INFER, description="their sizes; left out or -1: the input's"
        )
        eps: Eps = Field(1e-5, description="added to the variance")
        elementwise_affine: bool = Field(
            True, description="whether a learned scale and shift follow"
        )
        bias: bool = Field(True, description="whether the shift is learned too")

        @model_validator(mode="after")
        def _of_an_item(self) -> LayerNormAxes.Config:
            if self.dims == () or 0 in self.axes:
                raise ValueError(
                    "dims must name one axis at least, and not the batch (0)"
                )
            return self

        @property
        def axes(self) -> tuple[int, ...]:
            """The axes as a tuple."""
            if isinstance(self.dims, tuple):
                return self.dims
            return (self.dims,)

        def resolve(self, axes: Axes) -> LayerNormAxes.Config:
            """A copy with the sizes of the chosen axes only, so that the others may stay free."""
            rest: Any = axes.get("...")
            if self.sizes != INFER or rest is None:
                return self

            # Axis 0 is the batch, which the contract's axes do not count.
            behind = [dim - 1 if dim > 0 else dim for dim in self.axes]
            if not all(-len(rest) <= dim < len(rest) for dim in behind):
                return self
            return self.model_copy(update={"sizes": tuple(rest[dim] for dim in behind)})

    def __init__(self, config: Config) -> None:
        super().__init__()
        if config.sizes == INFER:
            raise ValueError(
                f"the input has no axis {' or no axis '.join(map(str, config.axes))}"
            )
        self.sizes = (config.sizes,) if isinstance(config.sizes, int) else config.sizes
        self.dims = config.axes
        self.last = tuple(range(-len(config.axes), 0))
        self.eps = config.eps
        affine = config.elementwise_affine
        shifted = config.elementwise_affine and config.bias
        self.weight = nn.Parameter(torch.ones(self.sizes)) if affine else None
        self.bias = nn.Parameter(torch.zeros(self.sizes)) if shifted else None

    def forward(self, x: Tensor) -> Tensor:
        # torch normalises the last axes only, so the chosen ones go there and back.
        y = functional.layer_norm(
            x.movedim(self.dims, self.last),
            self.sizes,
            self.weight,
            self.bias,
            self.eps,
        )
        return y.movedim(self.last, self.dims)


@register(
    "RMSNorm",
    shape="B ... D -> B ... D",
    source="arXiv:1910.07467",
    examples=[((2, 3, 4), {"eps": 1e-6})],
)
class RMSNorm(TorchLayer, nn.RMSNorm):
    """Features over their root mean square, with a learned scale: layer norm without the mean.

    Shape:   (B, ..., D) -> (B, ..., D)
    Source:  Zhang & Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, eq. 4; torch.nn.RMSNorm
    """

    class Config(BlockConfig):
        normalized_shape: int = from_axis("D")
        eps: Eps | None = Field(
            None,
            description="added to the mean square; default: the dtype's smallest step",
        )
        elementwise_affine: bool = Field(
            True, description="whether a learned scale follows"
        )


class _InstanceNormConfig(BlockConfig):
    num_features: int = from_axis("C")
    eps: Eps = Field(1e-5, description="added to the variance")
    momentum: float = Field(
        0.1, ge=0, le=1, description="weight of a new batch in the running statistics"
    )
    affine: bool = Field(False, description="whether a learned scale and shift follow")
    track_running_stats: bool = Field(
        False, description="whether eval() uses the statistics of training"
    )


@register(
    "InstanceNorm1d",
    shape="B C T -> B C T",
    source=INSTANCE_NORM,
    examples=[((2, 3, 5), {"affine": True})],
)
class InstanceNorm1d(TorchLayer, nn.InstanceNorm1d):
    """Normalisation of each channel of each item over time.

    Shape:   (B, C, T) -> (B, C, T)
    Source:  Ulyanov et al., "Instance Normalization", 2016; torch.nn.InstanceNorm1d
    """

    Config = _InstanceNormConfig


@register(
    "InstanceNorm2d",
    shape="B C F T -> B C F T",
    source=INSTANCE_NORM,
    examples=[((2, 3, 4, 5), {})],
)
class InstanceNorm2d(TorchLayer, nn.InstanceNorm2d):
    """Normalisation of each channel of each item over frequency and time.

    Shape:   (B, C, F, T) -> (B, C, F, T)
    Source:  Ulyanov et al., "Instance Normalization", 2016; torch.nn.InstanceNorm2d
    """

    Config = _InstanceNormConfig


@register(
    "GroupNorm",
    shape="B C ... -> B C ...",
    source="arXiv:1803.08494",
    examples=[((2, 4, 5, 3), {"num_groups": 2, "num_channels": 4})],
)
class GroupNorm(TorchLayer, nn.GroupNorm):
    """Normalisation over groups of channels and all that lies behind them.

    Shape:   (B, C, ...) -> (B, C, ...)
    Source:  Wu & He, "Group Normalization", ECCV 2018; torch.nn.GroupNorm
    """

    class Config(BlockConfig):
        num_groups: Width = Field(description="groups the channels are divided into")
        num_channels: int = from_axis("C")
        eps: Eps = Field(1e-5, description="added to the variance")
        affine: bool = Field(
            True, description="whether a learned scale and shift follow"
        )


@register(
    "L2Normalize",
    shape="B ... -> B ...",
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.normalize.html",
    examples=[((2, 3), {}), ((2, 3, 4, 5), {"dim": [1, 2], "eps": 1e-6})],
)
class L2Normalize(Block):
    """Divides vectors by their Euclidean length: points on a sphere, whose products are cosines.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.functional.normalize; a length below eps counts as eps.
    """

    class Config(BlockConfig):
        dim: OwnAxes = Field(
            1,
            description="axis or axes that the vectors lie along; the batch is axis 0",
        )
        eps: Eps = Field(1e-12, description="smallest length to divide by")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dims = config.dim if isinstance(config.dim, tuple) else (config.dim,)
        self.eps = config.eps

    def forward(self, x: Tensor) -> Tensor:
        refuse_axis(self.dims, x.ndim)
        length = torch.linalg.vector_norm(x, dim=self.dims, keepdim=True)
        normed: Tensor = x / length.clamp_min(self.eps)
        return normed
