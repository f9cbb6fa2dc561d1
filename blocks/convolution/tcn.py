"""The temporal convolutional network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Taps, Width
from .causal_taps import CausalTaps, each_sample, side_by_side

INIT_SD = 0.01


@register(
    "TCN",
    shape="B C T -> B {out_channels} T",
    source="arXiv:1803.01271",
    examples=[
        ((2, 1, 17), {"channels": [3, 4]}),
        (
            (2, 3, 12),
            {"channels": [3], "kernel_size": 3, "dropout": 0.0, "causal": False},
        ),
    ],
)
class TCN(Block):
    """Levels of two dilated convolutions over time with a shortcut; level i has dilation 2^i.

    Shape:   (B, C, T) -> (B, channels[-1], T)
    Source:  Bai, Kolter & Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
             Modeling", 2018, section 3 and fig. 1. Weight norm starts from the normal initialisation (sd .01), so
             that it holds; torch's own weight norm cannot be pickled. `causal: false` looks as far ahead as back.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        channels: tuple[Width, ...] = Field(
            min_length=1, description="channels of each level"
        )
        kernel_size: Taps = Field(2, description="taps of each convolution")
        dropout: float = Field(
            0.2, ge=0, lt=1, description="dropout after each convolution"
        )
        causal: bool = Field(True, description="whether an output sees no later input")

        @property
        def out_channels(self) -> int:
            """Channels of the last level."""
            return self.channels[-1]

    def __init__(self, config: Config) -> None:
        super().__init__()
        # Each level reaches twice as far as the one before.
        widths = (config.in_channels, *config.channels)
        levels = [
            _Level(widths[i], widths[i + 1], 2**i, config)
            for i in range(len(config.channels))
        ]
        self.levels = nn.Sequential(*levels)
        self.can_step = config.causal
        self.out_channels = config.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.levels(x)
        return y

    def new_cache(self, max_places: int, batch_size: int) -> list[LevelCache]:  # noqa: ARG002  # its reach is one size
        """What `step` needs of each level, before the first frame."""
        return [level.new_cache(batch_size) for level in self._each_level()]

    def step(self, x: Tensor, cache: list[LevelCache]) -> Tensor:
        """The next frames, (B, C, n) -> (B, out, n), as a causal forward in eval() gives them after those that came."""
        each = []
        for frame in each_sample(x):
            y = frame
            for level, before in zip(self._each_level(), cache, strict=True):
                y = level.step(y, before)
            each.append(y)
        return side_by_side(each, x, self.out_channels)

    def _each_level(self) -> list[_Level]:
        return [level for level in self.levels if isinstance(level, _Level)]


class _Level(nn.Module):
    """Two convolutions of one dilation, each with ReLU and dropout, and the shortcut."""

    def __init__(
        self, in_channels: int, out_channels: int, dilation: int, config: TCN.Config
    ) -> None:
        super().__init__()
        reach = (config.kernel_size - 1) * dilation

        # All zeros go before the first frame, or half of them behind the last.
        if config.causal:
            self.pads = (reach, 0)
        else:
            self.pads = (reach // 2, reach - reach // 2)
        self.conv1 = _Conv(in_channels, out_channels, config.kernel_size, dilation)
        self.conv2 = _Conv(out_channels, out_channels, config.kernel_size, dilation)
        self.dropout = nn.Dropout(config.dropout)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv1d(in_channels, out_channels, 1)
            nn.init.normal_(self.shortcut.weight, 0, INIT_SD)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for conv in (self.conv1, self.conv2):
            y = self.dropout(functional.relu(conv(functional.pad(y, self.pads))))
        return functional.relu(y + self.shortcut(x))

    def new_cache(self, batch_size: int) -> LevelCache:
        """What `step` needs, before the first frame."""
        taps = [conv.taps(batch_size) for conv in (self.conv1, self.conv2)]
        return LevelCache(taps[0], taps[1])

    def step(self, x: Tensor, cache: LevelCache) -> Tensor:
        """The level at the frame that comes next, (B, C) -> (B, out)."""
        y = functional.relu(cache.conv1(x))
        y = functional.relu(cache.conv2(y))
        beside = self.shortcut(x[..., None])[..., 0]
        return functional.relu(y + beside)


@dataclass
class LevelCache:
    """The last inputs of the two convolutions of a level."""

    conv1: CausalTaps
    conv2: CausalTaps


class _Conv(nn.Conv1d):
    """Convolution with weight norm (Salimans & Kingma 2016, eq. 2): `weight` gives the direction, `gain` the length."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, dilation: int
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation)
        nn.init.normal_(self.weight, 0, INIT_SD)
        self.gain = nn.Parameter(self._length().detach())

    def _length(self) -> Tensor:
        # |v| of each filter by itself, over its inputs and taps.
        length: Tensor = torch.linalg.vector_norm(self.weight, dim=(1, 2), keepdim=True)
        return length

    def _normed(self) -> Tensor:
        # The length is divided out at every call, so that `gain` alone is learned as the length.
        # Weight norm (arXiv:1602.07868, eq. 2): w = g v / |v|.
        return self.weight * (self.gain / self._length())

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv1d(x, self._normed(), self.bias, dilation=self.dilation)

    def taps(self, batch_size: int) -> CausalTaps:
        """The same, frame by frame."""
        return CausalTaps(
            self._normed(), self.bias, batch_size, dilation=self.dilation[0]
        )
