"""Pooling over windows of frequency and time, and over whole axes; `autopool` has the learned ones."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ...registry import Block, BlockConfig, TorchLayer, register
from ..bounds import Count, Eps, Taps
from ..pointwise.axis import OwnAxes, refuse_axis

TapsPair = Taps | tuple[Taps, Taps]
DOCS = "https://docs.pytorch.org/docs/stable/nn.html#pooling-layers"


class _Pool1dConfig(BlockConfig):
    kernel_size: Taps = Field(description="frames pooled into one")
    stride: Taps | None = Field(
        None, description="frames between outputs; default: kernel_size"
    )
    padding: Count = Field(
        0, description="frames added on both sides, at most half a kernel"
    )
    ceil_mode: bool = Field(
        False, description="whether a last, incomplete window gives an output"
    )

    @model_validator(mode="after")
    def _at_most_half(self) -> _Pool1dConfig:
        refuse_padding(self.kernel_size, self.padding)
        return self


class _Pool2dConfig(BlockConfig):
    kernel_size: TapsPair = Field(description="bins and frames pooled into one")
    stride: TapsPair | None = Field(
        None, description="bins and frames between outputs; default: kernel_size"
    )
    padding: Count | tuple[Count, Count] = Field(
        0, description="bins and frames added on both sides, at most half a kernel"
    )
    ceil_mode: bool = Field(
        False, description="whether a last, incomplete window gives an output"
    )

    @model_validator(mode="after")
    def _at_most_half(self) -> _Pool2dConfig:
        refuse_padding(self.kernel_size, self.padding)
        return self


def refuse_padding(kernel_size: TapsPair, padding: int | tuple[int, int]) -> None:
    """Raises ValueError for more padding than torch takes."""
    kernels, paddings = (
        size if isinstance(size, tuple) else (size, size)
        for size in (kernel_size, padding)
    )

    # A window that lies in the padding altogether would have no maximum.
    for kernel, added in zip(kernels, paddings, strict=True):
        if 2 * added > kernel:
            raise ValueError(
                f"'padding' is {added}, more than half of kernel_size {kernel}"
            )


@register(
    "MaxPool1d",
    shape="B C T -> B C T'",
    source=DOCS,
    examples=[((2, 3, 10), {"kernel_size": 3, "stride": 2})],
)
class MaxPool1d(TorchLayer, nn.MaxPool1d):
    """Largest value of each window over time.

    Shape:   (B, C, T) -> (B, C, T')
    Source:  torch.nn.MaxPool1d
    """

    Config = _Pool1dConfig


@register(
    "MaxPool2d",
    shape="B C F T -> B C F' T'",
    source=DOCS,
    examples=[((2, 3, 6, 7), {"kernel_size": [3, 2]})],
)
class MaxPool2d(TorchLayer, nn.MaxPool2d):
    """Largest value of each window over frequency and time.

    Shape:   (B, C, F, T) -> (B, C, F', T')
    Source:  torch.nn.MaxPool2d
    """

    Config = _Pool2dConfig


@register(
    "AvgPool1d",
    shape="B C T -> B C T'",
    source=DOCS,
    examples=[((2, 3, 10), {"kernel_size": 3, "stride": 2})],
)
class AvgPool1d(TorchLayer, nn.AvgPool1d):
    """Mean of each window over time.

    Shape:   (B, C, T) -> (B, C, T')
    Source:  torch.nn.AvgPool1d
    """

    Config = _Pool1dConfig


@register(
    "AvgPool2d",
    shape="B C F T -> B C F' T'",
    source=DOCS,
    examples=[((2, 3, 6, 7), {"kernel_size": [3, 2]})],
)
class AvgPool2d(TorchLayer, nn.AvgPool2d):
    """Mean of each window over frequency and time.

    Shape:   (B, C, F, T) -> (B, C, F', T')
    Source:  torch.nn.AvgPool2d
    """

    Config = _Pool2dConfig


class _ReduceConfig(BlockConfig):
    dim: OwnAxes = Field(description="axis or axes to reduce; not axis 0, the batch")
    keepdim: bool = Field(
        False, description="whether a reduced axis stays, with size 1"
    )


@register(
    "Mean",
    shape="B ... -> B ...'",
    source=DOCS,
    examples=[((2, 3, 4), {"dim": 2}), ((2, 3, 4), {"dim": [1, 2]})],
)
class Mean(Block):
    """Mean over axes.

    Shape:   (B, ...) -> (B, ...) without `dim`, or with size 1 there
    Source:  torch.mean
    """

    Config = _ReduceConfig

    def __init__(self, config: _ReduceConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self.keepdim = config.keepdim

    def forward(self, x: Tensor) -> Tensor:
        refuse_axis(self.dim, x.ndim)
        return x.mean(self.dim, self.keepdim)


@register(
    "Max",
    shape="B ... -> B ...'",
    source=DOCS,
    examples=[((2, 3, 4), {"dim": 2, "keepdim": True})],
)
class Max(Block):
    """Maximum over axes.

    Shape:   (B, ...) -> (B, ...) without `dim`, or with size 1 there
    Source:  torch.amax
    """

    Config = _ReduceConfig

    def __init__(self, config: _ReduceConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self.keepdim = config.keepdim

    def forward(self, x: Tensor) -> Tensor:
        refuse_axis(self.dim, x.ndim)
        return x.amax(self.dim, self.keepdim)


@register(
    "StatisticsPooling",
    shape="B C ... T -> B C*2 ... 1",
    source="Snyder et al., ICASSP 2018",
    examples=[((2, 3, 5), {}), ((2, 3, 2, 5), {})],
)
class StatisticsPooling(Block):
    """Mean and standard deviation over time, one after the other in the channels: many to one.

    Shape:   (B, C, ..., T) -> (B, 2 C, ..., 1)
    Source:  Snyder et al., "X-Vectors: Robust DNN Embeddings for Speaker Recognition", ICASSP 2018, section 3.1. The
             deviation divides by T. A variance under `eps` counts as eps, so that silence has a finite gradient.
    """

    class Config(BlockConfig):
        eps: Eps = Field(1e-10, description="the least variance")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.eps = config.eps

    def forward(self, x: Tensor) -> Tensor:
        # Divided by T: a single frame then has the variance 0, and not NaN.
        variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
        return torch.cat((mean, variance.clamp_min(self.eps).sqrt()), dim=1)
