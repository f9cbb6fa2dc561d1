"""Pooling over frequency and time, and weighted means that turn a sequence into one vector."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ..registry import Block, BlockConfig, register

Pair = PositiveInt | tuple[PositiveInt, PositiveInt]
DOCS = "https://docs.pytorch.org/docs/stable/nn.html#pooling-layers"


class _Pool1dConfig(BlockConfig):
    kernel_size: PositiveInt = Field(description="frames pooled into one")
    stride: PositiveInt | None = Field(None, description="frames between outputs; none: kernel_size")
    padding: int = Field(0, ge=0, description="frames added on both sides, at most half a kernel")
    ceil_mode: bool = Field(False, description="whether a last, incomplete window gives an output")


class _Pool2dConfig(BlockConfig):
    kernel_size: Pair = Field(description="bins and frames pooled into one")
    stride: Pair | None = Field(None, description="bins and frames between outputs; none: kernel_size")
    padding: int | tuple[int, int] = Field(0, description="bins and frames added on both sides, at most half a kernel")
    ceil_mode: bool = Field(False, description="whether a last, incomplete window gives an output")


@register("MaxPool1d", shape="B C T -> B C T'", source=DOCS, examples=[((2, 3, 10), {"kernel_size": 3, "stride": 2})])
class MaxPool1d(nn.MaxPool1d, Block):
    """Largest value of each window over time.

    Shape:   (B, C, T) -> (B, C, T')
    Source:  torch.nn.MaxPool1d
    """

    Config = _Pool1dConfig

    def __init__(self, config: _Pool1dConfig) -> None:
        super().__init__(**config.model_dump())


@register("MaxPool2d", shape="B C F T -> B C F' T'", source=DOCS, examples=[((2, 3, 6, 7), {"kernel_size": [3, 2]})])
class MaxPool2d(nn.MaxPool2d, Block):
    """Largest value of each window over frequency and time.

    Shape:   (B, C, F, T) -> (B, C, F', T')
    Source:  torch.nn.MaxPool2d
    """

    Config = _Pool2dConfig

    def __init__(self, config: _Pool2dConfig) -> None:
        super().__init__(**config.model_dump())


@register("AvgPool1d", shape="B C T -> B C T'", source=DOCS, examples=[((2, 3, 10), {"kernel_size": 3, "stride": 2})])
class AvgPool1d(nn.AvgPool1d, Block):
    """Mean of each window over time.

    Shape:   (B, C, T) -> (B, C, T')
    Source:  torch.nn.AvgPool1d
    """

    Config = _Pool1dConfig

    def __init__(self, config: _Pool1dConfig) -> None:
        super().__init__(**config.model_dump())


@register("AvgPool2d", shape="B C F T -> B C F' T'", source=DOCS, examples=[((2, 3, 6, 7), {"kernel_size": [3, 2]})])
class AvgPool2d(nn.AvgPool2d, Block):
    """Mean of each window over frequency and time.

    Shape:   (B, C, F, T) -> (B, C, F', T')
    Source:  torch.nn.AvgPool2d
    """

    Config = _Pool2dConfig

    def __init__(self, config: _Pool2dConfig) -> None:
        super().__init__(**config.model_dump())


class _ReduceConfig(BlockConfig):
    dim: int | tuple[int, ...] = Field(description="axis or axes to reduce; the batch is axis 0")
    keepdim: bool = Field(False, description="whether a reduced axis stays, with size 1")


@register(
    "Mean", shape="B ... -> B ...'", source=DOCS, examples=[((2, 3, 4), {"dim": 2}), ((2, 3, 4), {"dim": [1, 2]})]
)
class Mean(Block):
    """Mean over axes.

    Shape:   (B, ...) -> (B, ...) without `dim`, or with size 1 there
    Source:  torch.mean
    """

    Config = _ReduceConfig

    def __init__(self, config: _ReduceConfig) -> None:
        super().__init__()
        self.dim, self.keepdim = config.dim, config.keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dim, self.keepdim)


@register("Max", shape="B ... -> B ...'", source=DOCS, examples=[((2, 3, 4), {"dim": 2, "keepdim": True})])
class Max(Block):
    """Maximum over axes.

    Shape:   (B, ...) -> (B, ...) without `dim`, or with size 1 there
    Source:  torch.amax
    """

    Config = _ReduceConfig

    def __init__(self, config: _ReduceConfig) -> None:
        super().__init__()
        self.dim, self.keepdim = config.dim, config.keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(self.dim, self.keepdim)


class _AutoPoolConfig(BlockConfig):
    alpha_init: float = Field(0.0, description="α at the start: 0 is the mean, 1 softmax weights, ∞ the maximum")


@register(
    "AutoPool", shape="B C F T -> B C F 1", source="arXiv:1804.10070", examples=[((2, 3, 2, 5), {"alpha_init": 0.5})]
)
class AutoPool(Block):
    """Mean over time, each frame weighted by its own value: softmax over t of α x(t), with α learned.

    Shape:   (B, C, F, T) -> (B, C, F, 1)
    Source:  McFee et al., "Adaptive Pooling Operators for Weakly Labeled Sound Event Detection", 2018, eq. 8.
             One α for all channels, as in MOVE.
    """

    Config = _AutoPoolConfig

    def __init__(self, config: _AutoPoolConfig) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(config.alpha_init))

    def forward(self, x: Tensor) -> Tensor:
        return weighted_mean(x, self.alpha * x)


@register(
    "AutoPoolSplit",
    shape="B C*2 F T -> B C F 1",
    source="arXiv:1910.12551",
    examples=[((2, 6, 2, 5), {"alpha_init": 0.5})],
)
class AutoPoolSplit(Block):
    """AutoPool whose weights come from channels of their own: the second half of them weighs the first.

    Shape:   (B, 2 C, F, T) -> (B, C, F, 1)
    Source:  Yesiler et al., "Accurate and Scalable Version Identification Using Musically-Motivated Embeddings"
             (MOVE), ICASSP 2020, section 2.2
    """

    Config = _AutoPoolConfig

    def __init__(self, config: _AutoPoolConfig) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(config.alpha_init))

    def forward(self, x: Tensor) -> Tensor:
        value, weight = x.chunk(2, dim=1)
        return weighted_mean(value, self.alpha * weight)


@register("SoftmaxPoolSplit", shape="B C*2 F T -> B C F 1", source="arXiv:1712.04382", examples=[((2, 6, 2, 5), {})])
class SoftmaxPoolSplit(Block):
    """Attention over time: a softmax of the second half of the channels weighs the first.

    Shape:   (B, 2 C, F, T) -> (B, C, F, 1)
    Source:  Chou et al., "Learning to Recognize Transient Sound Events Using Attentional Supervision", IJCAI 2018
    """

    def forward(self, x: Tensor) -> Tensor:
        value, weight = x.chunk(2, dim=1)
        return weighted_mean(value, weight)


def weighted_mean(x: Tensor, logits: Tensor) -> Tensor:
    """Mean of x over its last axis with weights softmax(logits): (..., T) -> (..., 1)."""
    return (x * logits.softmax(dim=-1)).sum(dim=-1, keepdim=True)
