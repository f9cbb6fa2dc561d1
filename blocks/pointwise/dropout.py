"""Dropouts."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from ...registry import BlockConfig, TorchLayer, register

ANY = "B ... -> B ..."


@register(
    "Dropout",
    shape=ANY,
    source="Srivastava et al., JMLR 2014",
    examples=[((2, 3, 4), {"p": 0.3})],
)
class Dropout(TorchLayer, nn.Dropout):
    """Sets values to zero with probability p in training, and scales the others by 1 / (1 - p).

    Shape:   (B, ...) -> (B, ...)
    Source:  Srivastava et al., "Dropout", JMLR 2014
    """

    class Config(BlockConfig):
        p: float = Field(0.5, ge=0, le=1, description="probability of a zero")


@register(
    "Dropout2d",
    shape="B C F T -> B C F T",
    source="arXiv:1411.4280",
    examples=[((2, 3, 4, 5), {"p": 0.3})],
)
class Dropout2d(TorchLayer, nn.Dropout2d):
    """Dropout of whole channels.

    Shape:   (B, C, F, T) -> (B, C, F, T)
    Source:  Tompson et al., "Efficient Object Localization Using Convolutional Networks", CVPR 2015
    """

    class Config(BlockConfig):
        p: float = Field(
            0.5, ge=0, le=1, description="probability that a channel is zero"
        )
