"""What residual blocks have in common: fields, pairs of convolution and norm, the shortcut."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis
from ..bounds import Width
from .convolution import sides

CONVS = {1: nn.Conv1d, 2: nn.Conv2d}
NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


class ResidualConfig(BlockConfig):
    """What all have in common; `kernel_size` and `dilation` are those of the strided convolution."""

    in_channels: int = from_axis("C")
    out_channels: Width = Field(description="channels of the output")
    bias: bool = Field(
        False,
        description="whether the convolutions add a bias, which batch norm takes away",
    )
    shortcut_norm: bool = Field(
        True, description="whether a projected shortcut has batch norm"
    )
    pre_activation: bool = Field(
        False,
        description="batch norm and ReLU before each convolution, not after (He 2016)",
    )

    @property
    def strided(self) -> bool:
        """Whether the output has other sizes than the input."""
        return any(step != 1 for step in sides(getattr(self, "stride", 1)))

    @property
    def padding(self) -> str | tuple[int, ...]:
        """That of the convolution with the stride; torch has no "same" for strides."""
        if self.strided:
            return tuple(size // 2 for size in _reach(self))
        return "same"

    @model_validator(mode="after")
    def _centred(self) -> ResidualConfig:
        if self.strided and any(reach % 2 for reach in _reach(self)):
            raise ValueError(
                "with a stride, kernel_size must be odd: else branch and shortcut differ in size"
            )
        return self


def _reach(config: Any) -> tuple[int, ...]:
    """Bins and frames between the first and the last tap."""
    kernel = sides(config.kernel_size)
    dilation = sides(config.dilation)
    # A single size holds for all axes.
    axes = range(max(len(kernel), len(dilation)))
    return tuple(
        (kernel[i % len(kernel)] - 1) * dilation[i % len(dilation)] for i in axes
    )


class Residual(Block):
    """Pairs of a convolution and its norm, `conv1` and `norm1` on, and the shortcut beside them."""

    def __init__(self, config: Any, convs: list[nn.Module], dims: int) -> None:
        super().__init__()
        c = config
        self.count = len(convs)
        self.pre_activation = c.pre_activation
        for i, conv in enumerate(convs, start=1):
            if c.pre_activation:
                # He et al. 2016b: with pre-activation a norm comes before its convolution, and is as wide as its input.
                channels: Any = conv.in_channels
            else:
                channels = conv.out_channels
            # Numbered attributes, not a list: weights are then called conv1.weight and norm1.weight.
            setattr(self, f"conv{i}", conv)
            setattr(self, f"norm{i}", NORMS[dims](channels))
        self.shortcut: nn.Module = nn.Identity()
        self.projects = c.in_channels != c.out_channels or c.strided
        # A shortcut that changes shapes is a convolution; with pre-activation it has no norm, as in the authors' code.
        if self.projects:
            normed = c.shortcut_norm and not c.pre_activation
            project = CONVS[dims](
                c.in_channels, c.out_channels, 1, c.stride, bias=c.bias or not normed
            )
            if normed:
                self.shortcut = nn.Sequential(project, NORMS[dims](c.out_channels))
            else:
                self.shortcut = project

    def forward(self, x: Tensor) -> Tensor:
        pairs = [
            (getattr(self, f"conv{i}"), getattr(self, f"norm{i}"))
            for i in range(1, self.count + 1)
        ]
        if self.pre_activation:
            return self._pre_activated(x, pairs)
        return self._activated(x, pairs)

    def _activated(self, x: Tensor, pairs: list[Any]) -> Tensor:
        y = x
        # eq. 1 and 2: ReLU(F(x) + x), or W_s x where shapes differ; the last ReLU waits for the sum.
        for conv, norm in pairs[:-1]:
            y = functional.relu(norm(conv(y)))
        conv, norm = pairs[-1]
        added: Tensor = norm(conv(y)) + self.shortcut(x)
        return functional.relu(added)

    def _pre_activated(self, x: Tensor, pairs: list[Any]) -> Tensor:
        # The first activation is shared: a projecting shortcut starts behind it, an identity before.
        y = first = functional.relu(pairs[0][1](x))
        y = pairs[0][0](y)
        # x + F(x) without an activation behind it: the shortcut goes through all blocks unchanged.
        for conv, norm in pairs[1:]:
            y = conv(functional.relu(norm(y)))
        added: Tensor = y + self.shortcut(first if self.projects else x)
        return added
