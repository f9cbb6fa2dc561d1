"""Activations along an axis, and any activation by its name."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from ...registry import Block, BlockConfig, TorchLayer, register
from .activation import ANY, DOCS, SoftmaxConfig
from .axis import OwnAxis, refuse_axis

Function = Literal[
    "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
    "LogSoftmax", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax", "Softmax2d",
    "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip
OVER_AN_AXIS = ("GLU", "LogSoftmax", "Softmax", "Softmin")


@register("Softmin", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dim": 1})])
class Softmin(TorchLayer, nn.Softmin):
    """The softmax of -x along `dim`: the smallest value gets the most.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Softmin
    """

    Config = SoftmaxConfig

    def forward(self, input: Tensor) -> Tensor:  # torch's own word for it
        refuse_axis(self.dim, input.ndim)
        return super().forward(input)


@register(
    "Softmax2d", shape="B C F T -> B C F T", source=DOCS, examples=[((2, 3, 4, 5), {})]
)
class Softmax2d(TorchLayer, nn.Softmax2d):
    """The softmax over the channels, at every bin and frame.

    Shape:   (B, C, F, T) -> (B, C, F, T)
    Source:  torch.nn.Softmax2d
    """


@register(
    "GLU",
    shape="B C*2 ... -> B C ...",
    source="arXiv:1612.08083",
    examples=[((2, 4, 3), {}), ((2, 6), {})],
)
class GLU(TorchLayer, nn.GLU):
    """First half of the channels, gated by the sigmoid of the second.

    Shape:   (B, 2 C, ...) -> (B, C, ...); for another axis: Activation
    Source:  Dauphin et al., "Language Modeling with Gated Convolutional Networks", ICML 2017, eq. 1
    """

    fixed: ClassVar = {"dim": 1}


@register(
    "Activation",
    shape="B ... -> B ...'",
    source=DOCS,
    examples=[
        ((2, 4, 4), {"function": "Mish"}),
        ((2, 4, 4), {"function": "Softmax", "dim": -1}),
    ],
)
class Activation(Block):
    """An activation by its torch name, with torch's settings: for a name that is a variable, as in `"${act}"`.

    Shape:   (B, ...) -> (B, ...); GLU halves the axis `dim`; Softmax2d takes (B, C, F, T)
    Source:  torch.nn; each is a block of its own too, which takes settings. Threshold, which has none of torch's, is
             only there.
    """

    class Config(BlockConfig):
        function: Function = Field(description="torch's name of the activation")
        dim: OwnAxis | None = Field(
            None,
            description="the axis, for GLU, LogSoftmax, Softmax and Softmin; not the batch, 0",
        )

        @model_validator(mode="after")
        def _axis(self) -> Activation.Config:
            needed = self.function in OVER_AN_AXIS
            if needed and self.dim is None:
                raise ValueError(
                    f"{self.function} needs 'dim', the axis that it acts along"
                )
            if not needed and self.dim is not None:
                raise ValueError(f"{self.function} takes no 'dim', got {self.dim}")
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = config.dim
        kind = getattr(nn, config.function)
        if config.dim is None:
            self.function = kind()
        else:
            self.function = kind(dim=config.dim)

    def forward(self, x: Tensor) -> Tensor:
        refuse_axis(self.dim, x.ndim)
        y: Tensor = self.function(x)
        return y
