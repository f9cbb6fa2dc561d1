"""Convolutions with normalisation and activation: the plain stage of a U-Net, of a discriminator, of a front-end."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Eps, Layers, Pair, Taps, Width

UNET = "arXiv:1505.04597"
Norm = Literal["batch", "instance", "group", "none"]
ActivationName = Literal["ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh"]
LEAK = 0.2  # slope of LeakyReLU below zero, as in DCGAN, Open-Unmix and the C-U-Net
GROUPS = 8


class _ConvBlockConfig(BlockConfig):
    in_channels: int = from_axis("C")
    out_channels: Width = Field(description="channels of every convolution's output")
    n_layers: Layers = Field(2, description="convolutions, one after the other")
    norm: Norm = Field(
        "batch",
        description="normalisation after each convolution; 'group': of 8 groups, fewer if need",
    )
    norm_eps: Eps = Field(
        1e-5,
        description="added to the variance by the norm; models published in Keras have 1e-3",
    )
    activation: ActivationName = Field(
        "ReLU", description="torch's name of the activation; LeakyReLU has slope 0.2"
    )
    activate: Literal["each", "last"] = Field(
        "each", description="whether each convolution has one or only the last"
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout after the last activation"
    )

    @property
    def has_bias(self) -> bool:
        """A norm that follows would take a bias away; group norm does so only within its groups."""
        return self.norm in ("none", "group")


class _ConvBlock(Block):
    """The layers, in a chain."""

    def __init__(
        self, config: _ConvBlockConfig, convs: list[nn.Module], dims: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, conv in enumerate(convs):
            layers += [conv, *_norm(config, dims)]
            if config.activate == "each" or i == len(convs) - 1:
                layers.append(_activation(config.activation))
        self.layers = nn.Sequential(
            *layers, *([nn.Dropout(config.dropout)] if config.dropout else [])
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


def _norm(config: _ConvBlockConfig, dims: int) -> list[nn.Module]:
    channels = config.out_channels
    eps = config.norm_eps
    if config.norm == "batch":
        batch_norm = nn.BatchNorm1d if dims == 1 else nn.BatchNorm2d
        return [batch_norm(channels, eps=eps)]

    # Affine in all three: torch leaves it out for instance norm only.
    if config.norm == "instance":
        instance_norm = nn.InstanceNorm1d if dims == 1 else nn.InstanceNorm2d
        return [instance_norm(channels, eps=eps, affine=True)]
    if config.norm == "group":
        return [nn.GroupNorm(groups_of(channels, GROUPS), channels, eps=eps)]
    return []


def groups_of(channels: int, most: int) -> int:
    """The largest number of equal groups, at most `most`, into which channels can be divided."""
    # Group norm needs equal groups, and the number that is wanted does not divide every width.
    return next(
        groups for groups in range(min(most, channels), 0, -1) if channels % groups == 0
    )


def _activation(name: str) -> nn.Module:
    # The slope is that of the models this block is from; torch's is .01.
    if name == "LeakyReLU":
        made: nn.Module = nn.LeakyReLU(LEAK)
    else:
        made = getattr(nn, name)()
    return made


@register(
    "ConvBlock1d",
    shape="B C T -> B {out_channels} T",
    source=UNET,
    examples=[
        ((2, 3, 9), {"out_channels": 4}),
        (
            (2, 3, 9),
            {
                "out_channels": 4,
                "n_layers": 1,
                "norm": "none",
                "activation": "SiLU",
                "dilation": 2,
            },
        ),
    ],
)
class ConvBlock1d(_ConvBlock):
    """Convolutions over time that keep T, each with normalisation and activation.

    Shape:   (B, C, T) -> (B, out_channels, T)
    Source:  Ronneberger et al., "U-Net", MICCAI 2015, section 2: two convolutions with ReLU per level. Here they keep T
             (the paper's lose a frame on each side) and have batch norm, which the paper does not.
    """

    class Config(_ConvBlockConfig):
        kernel_size: Taps = Field(3, description="frames a filter spans")
        dilation: Taps = Field(1, description="frames between the taps of a filter")

    def __init__(self, config: Config) -> None:
        c = config
        widths = (c.in_channels, *[c.out_channels] * c.n_layers)
        convs: list[nn.Module] = [
            nn.Conv1d(
                into,
                out,
                c.kernel_size,
                padding="same",
                dilation=c.dilation,
                bias=c.has_bias,
            )
            for into, out in pairwise(widths)
        ]
        super().__init__(c, convs, 1)


@register(
    "ConvBlock2d",
    shape="B C F T -> B {out_channels} F T",
    source=UNET,
    examples=[
        ((2, 3, 7, 6), {"out_channels": 4}),
        (
            (2, 3, 7, 6),
            {
                "out_channels": 4,
                "norm": "group",
                "norm_eps": 1e-3,
                "activate": "last",
                "dropout": 0.2,
            },
        ),
        (
            (2, 3, 7, 6),
            {
                "out_channels": 4,
                "norm": "instance",
                "activation": "LeakyReLU",
                "kernel_size": [5, 3],
            },
        ),
    ],
)
class ConvBlock2d(_ConvBlock):
    """Convolutions over frequency and time that keep both, each with normalisation and activation.

    Shape:   (B, C, F, T) -> (B, out_channels, F, T)
    Source:  Ronneberger et al., "U-Net", MICCAI 2015, section 2: two convolutions with ReLU per level. Here they keep F
             and T (the paper's lose a bin and a frame on each side) and have batch norm, which the paper does not.
    """

    class Config(_ConvBlockConfig):
        kernel_size: Pair = Field(3, description="bins and frames a filter spans")
        dilation: Pair = Field(
            1, description="bins and frames between the taps of a filter"
        )

    def __init__(self, config: Config) -> None:
        c = config
        widths = (c.in_channels, *[c.out_channels] * c.n_layers)
        convs: list[nn.Module] = [
            nn.Conv2d(
                into,
                out,
                c.kernel_size,
                padding="same",
                dilation=c.dilation,
                bias=c.has_bias,
            )
            for into, out in pairwise(widths)
        ]
        super().__init__(c, convs, 2)
