"""What the U-Nets are made of: a level down, a level up, the walk through them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import GraphError
from ...registry import Block
from ..convolution.upsampling import UpsampleConv1d, UpsampleConv2d
from .unet_stage import AXES, Stage

CONVS = {1: nn.Conv1d, 2: nn.Conv2d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}
NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
POOLS = {
    ("max", 1): nn.MaxPool1d,
    ("max", 2): nn.MaxPool2d,
    ("average", 1): nn.AvgPool1d,
    ("average", 2): nn.AvgPool2d,
}
INTERPOLATED = {1: UpsampleConv1d, 2: UpsampleConv2d}
MODES = {
    ("nearest", 1): "nearest",
    ("nearest", 2): "nearest",
    ("linear", 1): "linear",
    ("linear", 2): "bilinear",
}


class _Down(nn.Module):
    """One level on the way down: norm, stage, then pooling where the layout has it."""

    def __init__(
        self, config: Any, channels: tuple[int, int], pooled: bool, cond_channels: int
    ) -> None:
        super().__init__()
        c = config
        self.norm = NORMS[c.dims](channels[0]) if c.input_norm else nn.Identity()
        self.stage = Stage(c, channels, cond_channels, film=True)
        if pooled:
            self.pool = _pool(c, channels[1])
        else:
            self.pool = nn.Identity()

    def forward(self, x: Tensor, cond: Tensor | None) -> Tensor:
        y: Tensor = self.stage(self.norm(x), cond)
        return y


def _pool(config: Any, channels: int) -> nn.Module:
    """Sizes over stride: rounded down where odd sizes are padded again, else up."""
    c = config
    if c.downsampling == "strided":
        conv: Any = CONVS[c.dims]
        # Windows of 2 s - 1 taps overlap, so every input counts; with s - 1 of padding, n becomes ceil(n / s).
        kernel = tuple(2 * step - 1 for step in c.steps)
        padding = tuple(step - 1 for step in c.steps)
        strided: nn.Module = conv(channels, channels, kernel, c.steps, padding)
        return strided
    pool: nn.Module = POOLS[c.downsampling, c.dims](c.stride, ceil_mode=c.fit == "crop")
    return pool


class _Up(nn.Module):
    """One level on the way up. Ronneberger: upsampling, skip, norm, stage. Doras: norm, upsampling, stage, skip."""

    def __init__(
        self, config: Any, below: int, channels: int, cond_channels: int
    ) -> None:
        super().__init__()
        c = config
        self.doras = config.layout == "doras"

        # Doras's stage comes before the skip joins, so it sees half of the channels; its norm comes first of all.
        if self.doras:
            joined = channels
            normed = below
        else:
            joined = 2 * channels
            normed = joined
        self.norm = NORMS[c.dims](normed) if c.input_norm else nn.Identity()
        if c.upsampling == "transposed":
            self.upsample: nn.Module = TRANSPOSED[c.dims](
                below, channels, c.stride, c.stride
            )
        else:
            block: Any = INTERPOLATED[c.dims]
            mode = MODES[c.upsampling, c.dims]
            fields = {
                "in_channels": below,
                "out_channels": channels,
                "scale_factor": c.stride,
                "mode": mode,
            }
            self.upsample = block(block.Config(**fields))
        film = getattr(c, "film", "all") == "all"
        self.stage = Stage(c, (joined, channels), cond_channels, film)

    def forward(self, x: Tensor, skip: Tensor, cond: Tensor | None) -> Tensor:
        if self.doras:
            y = self.stage(self.upsample(self.norm(x)), cond)
            return torch.cat((_fitted(y, skip), skip), dim=1)
        # The skip decides about the size: going up may give a frame more or less than there was.
        y = torch.cat((_fitted(self.upsample(x), skip), skip), dim=1)
        z: Tensor = self.stage(self.norm(y), cond)
        return z


def _fitted(x: Tensor, like: Tensor) -> Tensor:
    """Cut or zero-pad the end of the axes behind the channels."""
    sizes = zip(like.shape[2:], x.shape[2:], strict=True)
    missing = [want - have for want, have in sizes]
    if not any(missing):
        return x
    # torch's pad begins at the last axis; nothing is added in front, and a negative gap cuts.
    padding: list[int] = []
    for gap in reversed(missing):
        padding += [0, gap]
    return functional.pad(x, padding)


class UNet(Block):
    """What the U-Nets have in common; children are defined in the order in which they run."""

    def __init__(self, config: Any, cond_channels: int = 0) -> None:
        super().__init__()
        c = config
        self.doras = config.layout == "doras"
        widths = (c.in_channels, *c.levels)
        pairs = list(pairwise(widths))
        pooled = [i > 0 if self.doras else i < c.depth for i in range(c.depth + 1)]
        self.down = nn.ModuleList(
            _Down(c, *one, cond_channels) for one in zip(pairs, pooled, strict=True)
        )
        # The lowest level has no skip, so its channels come up once; in Doras's layout those above come up twice.
        below = [c.joined * width for width in c.levels]
        below[-1] = c.levels[-1]
        self.up = nn.ModuleList(
            _Up(c, below[i + 1], c.levels[i], cond_channels)
            for i in reversed(range(c.depth))
        )
        if c.out_channels is None:
            self.head = None
        else:
            self.head = CONVS[c.dims](below[0], c.out_channels, 1)
        # Pooling that rounds down loses the last, incomplete window; a size below the stride would become 0.
        shrinks = c.fit == "pad" and c.downsampling != "strided"
        self.least = tuple(step**c.depth if shrinks else 1 for step in c.steps)

    def walk(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        self._refuse_small(x)
        # Skips are taken on the way down and used in reverse: a stack.
        skips = []
        level: Any
        for level in self.down:
            x = level(x, cond)
            if self.doras:
                x = level.pool(x)
                skips.append(x)
            else:
                skips.append(x)
                x = level.pool(x)
        # What the lowest level left is the way up itself, and not a skip.
        skips.pop()
        for level in self.up:
            x = level(x, skips.pop(), cond)
        if self.head is None:
            return x
        y: Tensor = self.head(x)
        return y

    def _refuse_small(self, x: Tensor) -> None:
        pairs = zip(x.shape[2:], self.least, strict=True)
        if all(size >= least for size, least in pairs):
            return
        axes = AXES[len(self.least)].split()[2:]
        wanted = " and ".join(
            f"{axis} ≥ {least}" for axis, least in zip(axes, self.least, strict=True)
        )
        got = " and ".join(
            f"{axis} = {size}" for axis, size in zip(axes, x.shape[2:], strict=True)
        )
        message = f"{self.spec.name} of depth {len(self.up)} takes {wanted}, got {got}"
        raise GraphError(
            message,
            code="E210",
            help="give it more, or less depth, or `fit: crop`, which takes any size",
        )
