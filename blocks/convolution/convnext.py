"""The ConvNeXt block, over frequency and time or over time."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Layers, Pair, Taps, Width

CONVNEXT = "arXiv:2201.03545"


class _ConvNeXtConfig(BlockConfig):
    in_channels: int = from_axis("C")
    out_channels: Width | None = Field(
        None, description="channels of the output; default: those of the input"
    )
    expansion: Layers = Field(4, description="width of the MLP over in_channels")
    layer_scale: float | None = Field(
        1e-6,
        ge=0,
        le=1,
        description="start of a learned scale per channel; null: no scale",
    )
    drop_path: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability that an item skips the block in training",
    )

    @property
    def width(self) -> int:
        """Channels of the output."""
        if self.out_channels is None:
            return self.in_channels
        return self.out_channels


class _ConvNeXt(Block):
    """The block around its depthwise convolution; `conv` is the class of convolutions of these axes."""

    def __init__(
        self,
        config: _ConvNeXtConfig,
        conv: type[nn.Conv1d] | type[nn.Conv2d],
        depthwise: nn.Module,
    ) -> None:
        super().__init__()
        c = config
        # The inverted bottleneck: wide in the middle, where only a frame's own channels mix.
        hidden = config.expansion * config.in_channels
        self.depthwise = depthwise
        # 1e-6 is the authors'; torch has 1e-5.
        self.norm = nn.LayerNorm(c.in_channels, eps=1e-6)
        self.expand = nn.Linear(c.in_channels, hidden)
        self.project = nn.Linear(hidden, c.width)
        # A small scale keeps the branch quiet at the start (LayerScale, arXiv:2103.17239).
        if c.layer_scale is None:
            self.scale = None
        else:
            self.scale = nn.Parameter(torch.full((c.width,), c.layer_scale))
        self.shortcut: nn.Module = nn.Identity()
        if c.width != c.in_channels:
            self.shortcut = conv(c.in_channels, c.width, 1)
        self.drop_path = c.drop_path

    def forward(self, x: Tensor) -> Tensor:
        # The channels go last: there LayerNorm and Linear are the paper's norm and 1x1 convolutions.
        y = self.norm(self.depthwise(x).movedim(1, -1))
        y = self.project(functional.gelu(self.expand(y)))
        if self.scale is not None:
            y = y * self.scale
        y = y.movedim(-1, 1)

        # Stochastic depth (Huang et al. 2016): some items skip the branch, the others make up for it.
        if self.training and self.drop_path:
            shape = (len(y), *[1] * (y.ndim - 1))
            draws = torch.rand(shape, device=y.device, dtype=y.dtype)
            y = y * (draws >= self.drop_path) / (1 - self.drop_path)
        added: Tensor = self.shortcut(x) + y
        return added


@register(
    "ConvNeXtBlock",
    shape="B C F T -> B {width} F T",
    source=CONVNEXT,
    examples=[
        ((2, 3, 8, 9), {}),
        (
            (2, 3, 8, 9),
            {
                "out_channels": 5,
                "kernel_size": [3, 5],
                "layer_scale": None,
                "drop_path": 0.5,
            },
        ),
    ],
)
class ConvNeXtBlock(_ConvNeXt):
    """Depthwise convolution, layer norm over channels, a wide MLP with GELU, added to the input.

    Shape:   (B, C, F, T) -> (B, out_channels, F, T)
    Source:  Liu et al., "A ConvNet for the 2020s", CVPR 2022, section 2 and fig. 4. The MLP is two 1x1 convolutions.
             Where out_channels differs from C, which the paper has no case of, the shortcut is a 1x1 convolution.
    """

    class Config(_ConvNeXtConfig):
        kernel_size: Pair = Field(
            7, description="bins and frames of the depthwise convolution"
        )

    def __init__(self, config: Config) -> None:
        channels = config.in_channels
        depthwise = nn.Conv2d(
            channels, channels, config.kernel_size, padding="same", groups=channels
        )
        super().__init__(config, nn.Conv2d, depthwise)


@register(
    "ConvNeXtBlock1d",
    shape="B C T -> B {width} T",
    source=CONVNEXT,
    examples=[
        ((2, 3, 9), {}),
        ((2, 3, 9), {"out_channels": 5, "kernel_size": 4, "layer_scale": 0.5}),
    ],
)
class ConvNeXtBlock1d(_ConvNeXt):
    """ConvNeXtBlock over time: depthwise convolution, layer norm over channels, MLP with GELU, added to the input.

    Shape:   (B, C, T) -> (B, out_channels, T)
    Source:  Liu et al., "A ConvNet for the 2020s", CVPR 2022, section 2 and fig. 4; over one axis as in Siuzdak,
             "Vocos", ICLR 2024. Where out_channels differs from C, the shortcut is a convolution of one tap.
    """

    class Config(_ConvNeXtConfig):
        kernel_size: Taps = Field(7, description="frames of the depthwise convolution")

    def __init__(self, config: Config) -> None:
        channels = config.in_channels
        depthwise = nn.Conv1d(
            channels, channels, config.kernel_size, padding="same", groups=channels
        )
        super().__init__(config, nn.Conv1d, depthwise)
