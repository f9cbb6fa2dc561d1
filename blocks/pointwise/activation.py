"""Activations, each under its torch name."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ...registry import Block, BlockConfig, TorchLayer, from_axis, register
from ..bounds import Slope, Width
from .axis import OwnAxis, refuse_axis

DOCS = "https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity"
ANY = "B ... -> B ..."
SNAKE_EPS = 1e-9  # an α that passes through zero must not divide by it


@register(
    "ReLU", shape=ANY, source="Nair & Hinton, ICML 2010", examples=[((2, 3, 4), {})]
)
class ReLU(TorchLayer, nn.ReLU):
    """max(x, 0).

    Shape:   (B, ...) -> (B, ...)
    Source:  Nair & Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010
    """


@register(
    "LeakyReLU",
    shape=ANY,
    source="Maas et al., ICML 2013",
    examples=[((2, 3, 4), {"negative_slope": 0.2})],
)
class LeakyReLU(TorchLayer, nn.LeakyReLU):
    """x where positive, negative_slope · x elsewhere.

    Shape:   (B, ...) -> (B, ...)
    Source:  Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013
    """

    class Config(BlockConfig):
        negative_slope: Slope = Field(0.01, description="slope below zero")


@register(
    "PReLU",
    shape="B C ... -> B C ...",
    source="arXiv:1502.01852",
    examples=[((2, 3, 4), {})],
)
class PReLU(TorchLayer, nn.PReLU):
    """x where positive, a · x elsewhere, with a learned.

    Shape:   (B, C, ...) -> (B, C, ...)
    Source:  He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 1
    """

    class Config(BlockConfig):
        num_parameters: Width = Field(
            1, description="1: one slope for all; C: one per channel"
        )
        init: Slope = Field(0.25, description="value of a at the start")


@register(
    "GELU",
    shape=ANY,
    source="arXiv:1606.08415",
    examples=[((2, 3, 4), {"approximate": "tanh"})],
)
class GELU(TorchLayer, nn.GELU):
    """x · Φ(x), Φ the normal distribution function.

    Shape:   (B, ...) -> (B, ...)
    Source:  Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016
    """

    class Config(BlockConfig):
        approximate: Literal["none", "tanh"] = Field(
            "none", description="'tanh': the faster approximation"
        )


@register("SiLU", shape=ANY, source="arXiv:1702.03118", examples=[((2, 3, 4), {})])
class SiLU(TorchLayer, nn.SiLU):
    """x · sigmoid(x), also called swish.

    Shape:   (B, ...) -> (B, ...)
    Source:  Elfwing et al., "Sigmoid-Weighted Linear Units", 2017
    """


@register(
    "ELU", shape=ANY, source="arXiv:1511.07289", examples=[((2, 3, 4), {"alpha": 0.5})]
)
class ELU(TorchLayer, nn.ELU):
    """x where positive, alpha · (exp(x) - 1) elsewhere.

    Shape:   (B, ...) -> (B, ...)
    Source:  Clevert et al., "Exponential Linear Units", ICLR 2016
    """

    class Config(BlockConfig):
        alpha: float = Field(1.0, ge=0, description="minus the value at -∞")


@register(
    "CELU", shape=ANY, source="arXiv:1704.07483", examples=[((2, 4, 4), {"alpha": 0.5})]
)
class CELU(TorchLayer, nn.CELU):
    """x where positive, alpha · (exp(x / alpha) - 1) elsewhere.

    Shape:   (B, ...) -> (B, ...)
    Source:  Barron, "Continuously Differentiable Exponential Linear Units", 2017
    """

    class Config(BlockConfig):
        alpha: float = Field(1.0, gt=0, description="minus the value at -∞")


@register("SELU", shape=ANY, source="arXiv:1706.02515", examples=[((2, 4, 4), {})])
class SELU(TorchLayer, nn.SELU):
    """ELU scaled so that variances stay near 1 through layers of independent units.

    Shape:   (B, ...) -> (B, ...)
    Source:  Klambauer et al., "Self-Normalizing Neural Networks", NeurIPS 2017, eq. 2
    """


@register("Mish", shape=ANY, source="arXiv:1908.08681", examples=[((2, 4, 4), {})])
class Mish(TorchLayer, nn.Mish):
    """x · tanh(softplus(x)).

    Shape:   (B, ...) -> (B, ...)
    Source:  Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC 2020
    """


@register("LogSigmoid", shape=ANY, source=DOCS, examples=[((2, 4, 4), {})])
class LogSigmoid(TorchLayer, nn.LogSigmoid):
    """log(1 / (1 + exp(-x))), computed stably.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.LogSigmoid
    """


@register("Softsign", shape=ANY, source=DOCS, examples=[((2, 4, 4), {})])
class Softsign(TorchLayer, nn.Softsign):
    """x / (1 + |x|).

    Shape:   (B, ...) -> (B, ...)
    Source:  Turian et al., "Quadratic Features and Deep Architectures for Chunking", NAACL 2009; torch.nn.Softsign
    """


@register("Tanhshrink", shape=ANY, source=DOCS, examples=[((2, 4, 4), {})])
class Tanhshrink(TorchLayer, nn.Tanhshrink):
    """x - tanh(x).

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Tanhshrink
    """


@register("Sigmoid", shape=ANY, source=DOCS, examples=[((2, 3, 4), {})])
class Sigmoid(TorchLayer, nn.Sigmoid):
    """1 / (1 + exp(-x)).

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Sigmoid
    """


@register("Tanh", shape=ANY, source=DOCS, examples=[((2, 3, 4), {})])
class Tanh(TorchLayer, nn.Tanh):
    """Hyperbolic tangent.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Tanh
    """


@register("Softplus", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"beta": 2.0})])
class Softplus(TorchLayer, nn.Softplus):
    """log(1 + exp(beta · x)) / beta, a smooth ReLU.

    Shape:   (B, ...) -> (B, ...)
    Source:  Glorot et al., "Deep Sparse Rectifier Neural Networks", AISTATS 2011; torch.nn.Softplus
    """

    class Config(BlockConfig):
        beta: float = Field(1.0, gt=0, description="sharpness of the bend")
        threshold: float = Field(
            20.0, ge=0, description="above beta · x = threshold the function is x"
        )


class SoftmaxConfig(BlockConfig):
    """Fields of the softmaxes."""

    dim: OwnAxis = Field(
        description="axis whose values sum to 1; not axis 0, the batch"
    )


@register("Softmax", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dim": 1})])
class Softmax(TorchLayer, nn.Softmax):
    """exp(x) over its sum along `dim`. Torch's implicit dim is not offered: give the axis.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Softmax
    """

    Config = SoftmaxConfig

    def forward(self, input: Tensor) -> Tensor:  # torch's own word for it
        refuse_axis(self.dim, input.ndim)
        return super().forward(input)


@register("LogSoftmax", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dim": -1})])
class LogSoftmax(TorchLayer, nn.LogSoftmax):
    """Logarithm of the softmax along `dim`, computed stably.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.LogSoftmax
    """

    Config = SoftmaxConfig

    def forward(self, input: Tensor) -> Tensor:  # torch's own word for it
        refuse_axis(self.dim, input.ndim)
        return super().forward(input)


@register("Abs", shape=ANY, source="arXiv:1808.00158", examples=[((2, 3, 4), {})])
class Abs(Block):
    """Absolute value: the rectifier after a filter bank.

    Shape:   (B, ...) -> (B, ...)
    Source:  Ravanelli & Bengio, "Speaker Recognition from Raw Waveform with SincNet", 2018
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


@register(
    "Snake",
    shape="B C ... -> B C ...",
    source="arXiv:2006.08195",
    examples=[((2, 3, 5), {}), ((2, 3, 4, 5), {"alpha": 0.5, "logarithmic": True})],
)
class Snake(Block):
    """x + sin²(α x) / α, with an α per channel, learned: an activation that can go on with a period.

    Shape:   (B, C, ...) -> (B, C, ...)
    Source:  Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It", NeurIPS 2020, eq. 3;
             an α per channel as in BigVGAN (arXiv:2206.04658) and the Descript audio codec (arXiv:2306.06546), from
             which 1e-9 is taken over, added to the divisor.
    """

    class Config(BlockConfig):
        num_channels: int = from_axis("C")
        alpha: float = Field(
            1.0, gt=0, description="α at the start: larger ones ripple faster"
        )
        logarithmic: bool = Field(
            False,
            description="whether ln α is learned instead, so that α stays positive, as in BigVGAN",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.logarithmic = config.logarithmic
        start = config.alpha
        if config.logarithmic:
            start = math.log(start)
        self.alpha = nn.Parameter(torch.full((config.num_channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        alpha: Tensor = self.alpha
        if self.logarithmic:
            alpha = alpha.exp()
        # One number per channel holds for all that lies behind the channels.
        alpha = alpha.reshape(-1, *[1] * (x.ndim - 2))
        return x + (alpha * x).sin().square() / (alpha + SNAKE_EPS)
