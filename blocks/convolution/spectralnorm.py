"""Convolutions of a bounded gain, for the discriminators of GANs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...registry import TorchLayer, register
from .convolution import Conv2dConfig, PlainConv1dConfig

SPECTRAL_NORM = "arXiv:1802.05957"
SMALLEST = 1e-12  # below it a norm counts as zero


def _direction(x: Tensor) -> Tensor:
    return functional.normalize(x, dim=0, eps=SMALLEST)


def _normed(weight: Tensor, u: Tensor, training: bool) -> Tensor:
    """weight / σ, σ the largest singular value of the weight as a matrix of out_channels rows.

    One step of the power iteration for its direction `u` in training, none in eval(); the gradient goes through σ.
    """
    matrix = weight.flatten(1)
    with torch.no_grad():
        # Algorithm 1: v = Wᵀu / |Wᵀu|, u = Wv / |Wv|; both are constants to the gradient.
        v = _direction(matrix.t() @ u)
        if training:
            u.copy_(_direction(matrix @ v))
            u = u.clone()  # what backward needs must outlive the next step

    # σ = uᵀ W v, through which the gradient flows.
    return weight / torch.dot(u, matrix @ v)


@register(
    "SpectralNormConv1d",
    shape="B C T -> B {out_channels} T'",
    source=SPECTRAL_NORM,
    examples=[
        ((2, 3, 12), {"out_channels": 4, "kernel_size": 5, "stride": 2, "padding": 2})
    ],
)
class SpectralNormConv1d(TorchLayer, nn.Conv1d):
    """Conv1d whose weight is divided by its largest singular value, found by one power iteration per training step.

    Shape:   (B, C, T) -> (B, out_channels, T')
    Source:  Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, algorithm 1.
             Torch's own parametrization computes the same; it cannot be pickled.
    """

    Config = PlainConv1dConfig
    u: Tensor

    def __init__(self, config: PlainConv1dConfig) -> None:
        super().__init__(config)
        self.register_buffer("u", _direction(torch.randn(config.out_channels)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self._conv_forward(
            x, _normed(self.weight, self.u, self.training), self.bias
        )
        return y


@register(
    "SpectralNormConv2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=SPECTRAL_NORM,
    examples=[
        (
            (2, 3, 10, 8),
            {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": 1},
        ),
        (
            (2, 3, 5, 6),
            {"out_channels": 2, "kernel_size": 3, "padding": "same", "bias": False},
        ),
    ],
)
class SpectralNormConv2d(TorchLayer, nn.Conv2d):
    """Conv2d whose weight is divided by its largest singular value, found by one power iteration per training step.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T')
    Source:  Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, algorithm 1.
             Torch's own parametrization computes the same; it cannot be pickled.
    """

    Config = Conv2dConfig
    u: Tensor

    def __init__(self, config: Conv2dConfig) -> None:
        super().__init__(config)
        self.register_buffer("u", _direction(torch.randn(config.out_channels)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self._conv_forward(
            x, _normed(self.weight, self.u, self.training), self.bias
        )
        return y
