"""The U-Net, over time or over frequency and time, with or without a condition."""

from __future__ import annotations

from torch import Tensor

from ...registry import register
from .unet_config import (
    ConditionedUNet1dConfig,
    ConditionedUNet2dConfig,
    UNet1dConfig,
    UNet2dConfig,
)
from .unet_parts import UNet

UNET = "arXiv:1505.04597"
FILM = "arXiv:1907.01277"


@register(
    "UNet1d",
    shape="B C T -> B {width} T",
    source=UNET,
    examples=[
        ((2, 3, 9), {"depth": 2, "widths": 4}),
        (
            (2, 3, 11),
            {
                "depth": 2,
                "widths": [3, 4, 5],
                "stage": "ConvNeXtBlock1d",
                "stage_config": {"layer_scale": 0.5},
                "kernel_size": 3,
                "downsampling": "strided",
                "upsampling": "linear",
                "out_channels": 2,
            },
        ),
    ],
)
class UNet1d(UNet):
    """U-Net over time: levels of ever fewer frames and more channels, and back up, each joined with its level's skip.

    Shape:   (B, C, T) -> (B, out_channels, T); without out_channels, the channels of the first level. Any T from the
             minimum stride^depth on (`fit: crop` or strided convolutions: any T); below it, an error is raised.
    Source:  Ronneberger et al., "U-Net", MICCAI 2015, fig. 1. Convolutions keep T and nothing is cut but odd sizes. The
             same in plain layers: StoreAs, MaxPool1d, ConvTranspose1d, CatWith with the same `fit`.
    """

    Config = UNet1dConfig

    def __init__(self, config: UNet1dConfig) -> None:
        super().__init__(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.walk(x)


@register(
    "UNet2d",
    shape="B C F T -> B {width} F T",
    source=UNET,
    examples=[
        (
            (2, 3, 9, 10),
            {
                "depth": 2,
                "widths": 4,
                "stride": [2, 1],
                "fit": "crop",
                "input_norm": True,
            },
        ),
        (
            (2, 3, 6, 5),
            {
                "depth": 1,
                "widths": 4,
                "stage": "ConvNeXtBlock",
                "stage_config": {"kernel_size": [3, 5], "layer_scale": 1.0},
                "stage_repeats": 2,
                "downsampling": "average",
                "upsampling": "nearest",
                "layout": "doras",
                "out_channels": 1,
            },
        ),
    ],
)
class UNet2d(UNet):
    """U-Net over frequency and time: levels of ever fewer bins and frames, and back up, each joined with its skip.

    Shape:   (B, C, F, T) -> (B, out_channels, F, T); without out_channels, the channels of the first level (twice as
             many in Doras's layout). Any F and T from the minimum stride^depth on (`fit: crop` or strided convolutions:
             any); below it, an error is raised.
    Source:  Ronneberger et al., "U-Net", MICCAI 2015, fig. 1. Convolutions keep F and T and nothing is cut but odd
             sizes. layout doras: Doras, Esling & Peeters, "On the Use of U-Net for Dominant Melody Estimation in
             Polyphonic Music", MMRP 2019, in the tutorial's form: a stage, then pooling, then the skip leaves; on
             the way up norm, upsampling, stage, then the skip joins. In plain layers: graphs/mpe_doras_unet.yaml.
    """

    Config = UNet2dConfig

    def __init__(self, config: UNet2dConfig) -> None:
        super().__init__(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.walk(x)


@register(
    "ConditionedUNet1d",
    shape="B C T, B D -> B {width} T",
    source=FILM,
    examples=[
        ([(2, 3, 9), (2, 4)], {"depth": 2, "widths": 4}),
        (
            [(2, 3, 8), (2, 4)],
            {
                "depth": 1,
                "widths": 4,
                "stage": "ConditionedResidualBlock1d",
                "stage_config": {"zero_init": False, "num_groups": 2},
                "out_channels": 3,
            },
        ),
    ],
)
class ConditionedUNet1d(UNet):
    """UNet1d with a condition: the time of a diffusion, a class.

    Shape:   (B, C, T), (B, D) -> (B, out_channels, T), T as in UNet1d; in a graph the condition is given by `with:`
    Source:  Ronneberger et al., "U-Net", MICCAI 2015; Perez et al., "FiLM", AAAI 2018. FiLM, which starts as the
             identity, follows each stage; a stage that takes a condition itself, such as ConditionedResidualBlock1d
             (the diffusion U-Net of Dhariwal & Nichol, NeurIPS 2021), gets it instead.
    """

    Config = ConditionedUNet1dConfig

    def __init__(self, config: ConditionedUNet1dConfig) -> None:
        super().__init__(config, config.cond_channels)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        return self.walk(x, cond)


@register(
    "ConditionedUNet2d",
    shape="B C F T, B D -> B {width} F T",
    source=FILM,
    examples=[
        ([(2, 3, 5, 6), (2, 4)], {"depth": 1, "widths": 4, "film": "down"}),
        (
            [(2, 3, 4, 6), (2, 4)],
            {
                "depth": 1,
                "widths": 4,
                "stage": "ConditionedResidualBlock2d",
                "stage_config": {"zero_init": False},
            },
        ),
    ],
)
class ConditionedUNet2d(UNet):
    """UNet2d with a condition: which source to separate, the time of a diffusion, a class.

    Shape:   (B, C, F, T), (B, D) -> (B, out_channels, F, T); in a graph the condition comes by `with: [name]`. F and T
             as in UNet2d.
    Source:  Ronneberger et al., "U-Net", MICCAI 2015; Meseguer-Brocal & Peeters, "Conditioned-U-Net", ISMIR 2019: there
             FiLM stands on the way down (`film: down`), between norm and activation; here it follows the stage. A stage
             that takes a condition itself, such as ConditionedResidualBlock2d, gets it instead.
    """

    Config = ConditionedUNet2dConfig

    def __init__(self, config: ConditionedUNet2dConfig) -> None:
        super().__init__(config, config.cond_channels)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        return self.walk(x, cond)
