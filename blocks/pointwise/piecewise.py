"""Activations made of straight or quadratic pieces, each under its torch name."""

from __future__ import annotations

from pydantic import Field, model_validator
from torch import nn

from ...registry import BlockConfig, TorchLayer, register
from ..bounds import Slope
from .activation import ANY, DOCS


@register("ReLU6", shape=ANY, source=DOCS, examples=[((2, 4, 4), {})])
class ReLU6(TorchLayer, nn.ReLU6):
    """x kept between 0 and 6.

    Shape:   (B, ...) -> (B, ...)
    Source:  Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010; torch.nn.ReLU6
    """


@register("RReLU", shape=ANY, source="arXiv:1505.00853", examples=[((2, 4, 4), {})])
class RReLU(TorchLayer, nn.RReLU):
    """x where positive, a · x elsewhere; a is drawn for each value in training, the middle of its range in eval().

    Shape:   (B, ...) -> (B, ...)
    Source:  Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015
    """

    class Config(BlockConfig):
        lower: Slope = Field(1 / 8, description="least slope below zero")
        upper: Slope = Field(1 / 3, description="greatest slope below zero")

        @model_validator(mode="after")
        def _a_range(self) -> RReLU.Config:
            if self.lower > self.upper:
                raise ValueError(
                    f"'lower' {self.lower} is greater than 'upper' {self.upper}"
                )
            return self


@register(
    "Threshold",
    shape=ANY,
    source=DOCS,
    examples=[((2, 4, 4), {"threshold": 0.1, "value": -1.0})],
)
class Threshold(TorchLayer, nn.Threshold):
    """x above a threshold, a constant elsewhere.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Threshold
    """

    class Config(BlockConfig):
        threshold: float = Field(description="below or at it, x is replaced")
        value: float = Field(description="what stands there")


@register("Hardtanh", shape=ANY, source=DOCS, examples=[((2, 4, 4), {"max_val": 0.5})])
class Hardtanh(TorchLayer, nn.Hardtanh):
    """x kept between min_val and max_val.

    Shape:   (B, ...) -> (B, ...)
    Source:  Collobert, PhD thesis, Paris 2004; torch.nn.Hardtanh
    """

    class Config(BlockConfig):
        min_val: float = Field(-1.0, description="least value")
        max_val: float = Field(1.0, description="greatest value")

        @model_validator(mode="after")
        def _a_range(self) -> Hardtanh.Config:
            if self.min_val >= self.max_val:
                raise ValueError(
                    f"'min_val' {self.min_val} must be smaller than 'max_val' {self.max_val}"
                )
            return self


@register(
    "Hardsigmoid", shape=ANY, source="arXiv:1905.02244", examples=[((2, 4, 4), {})]
)
class Hardsigmoid(TorchLayer, nn.Hardsigmoid):
    """x / 6 + 1/2 kept between 0 and 1.

    Shape:   (B, ...) -> (B, ...)
    Source:  Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2
    """


@register("Hardswish", shape=ANY, source="arXiv:1905.02244", examples=[((2, 4, 4), {})])
class Hardswish(TorchLayer, nn.Hardswish):
    """x · hardsigmoid(x).

    Shape:   (B, ...) -> (B, ...)
    Source:  Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2
    """


@register("Hardshrink", shape=ANY, source=DOCS, examples=[((2, 4, 4), {"lambd": 0.3})])
class Hardshrink(TorchLayer, nn.Hardshrink):
    """x where |x| is greater than lambd, zero elsewhere.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Hardshrink
    """

    class Config(BlockConfig):
        lambd: float = Field(0.5, ge=0, description="half the width of the zero")


@register("Softshrink", shape=ANY, source=DOCS, examples=[((2, 4, 4), {"lambd": 0.3})])
class Softshrink(TorchLayer, nn.Softshrink):
    """x moved towards zero by lambd, zero within it.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Softshrink
    """

    class Config(BlockConfig):
        lambd: float = Field(0.5, ge=0, description="half the width of the zero")
