"""Random shifts in time between the layers of a discriminator."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...registry import Block, BlockConfig, register
from ..bounds import Taps


@register(
    "PhaseShuffle",
    shape="B C T -> B C T",
    source="arXiv:1802.04208",
    examples=[((2, 3, 9), {}), ((2, 3, 9), {"n": 4})],
)
class PhaseShuffle(Block):
    """In training, moves each item by a random number of frames from -n to n; in eval() it is the identity.

    A discriminator then cannot go by the phase of the artefacts that transposed convolutions leave.

    Shape:   (B, C, T) -> (B, C, T), T > n
    Source:  Donahue, McAuley & Puckette, "Adversarial Audio Synthesis" (WaveGAN), ICLR 2019, section 3.2: frames that
             are missing are mirrored at the end. The authors' code draws one number for a batch, this one for an item.
    """

    class Config(BlockConfig):
        n: Taps = Field(2, description="frames that an item moves at most, either way")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n = config.n

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] <= self.n:
            raise ValueError(
                f"a move by up to {self.n} frames needs at least {self.n + 1}, but {x.shape[2]} came"
            )
        if not self.training:
            return x
        mirrored = functional.pad(x, (self.n, self.n), mode="reflect")

        # Each item begins at a frame of its own; n is the one that leaves it where it is.
        begin = torch.randint(0, 2 * self.n + 1, (x.shape[0], 1, 1), device=x.device)
        frames = begin + torch.arange(x.shape[2], device=x.device)
        return mirrored.gather(2, frames.expand_as(x))
