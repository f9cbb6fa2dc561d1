"""Loud and soft recordings alike: magnitudes relative to the level around them."""

from __future__ import annotations

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from ...registry import Block, BlockConfig, register
from ..bounds import Eps, Side
from .spectrogram import exactly


@register(
    "LevelNorm",
    shape="B C F T -> B C F T",
    source="doi:10.1109/TASLP.2019.2915167",
    examples=[((2, 1, 5, 9), {"num_frames": 5}), ((2, 2, 4, 3), {"num_frames": 7})],
)
class LevelNorm(Block):
    """Magnitudes over their root mean square in all channels, all bins and the frames around.

    A recording played softer gives the same, as with Conv-TasNet's global norm; but an output sees only so many frames,
    so that a long recording may be taken in chunks.

    Shape:   (B, C, F, T) -> (B, C, F, T)
    Source:  Luo & Mesgarani, "Conv-TasNet", IEEE/ACM TASLP 2019, eq. 15, without the mean, which magnitudes keep, and
             with a window in place of all frames; at the ends of the recording the window has fewer frames.
    """

    class Config(BlockConfig):
        num_frames: Side = Field(
            65,
            description="frames of the window, an odd number: as many after as before",
        )
        eps: Eps = Field(
            1e-4, description="added to the level: what is much below it stays silence"
        )

        @field_validator("num_frames")
        @classmethod
        def _has_a_middle(cls, frames: int) -> int:
            if frames % 2 == 0:
                raise ValueError(
                    "expected an odd number, so that a frame is in the middle"
                )
            return frames

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.eps = config.eps
        # What the receptive field is computed from.
        self.kernel_size = (1, config.num_frames)
        self.padding = (0, config.num_frames // 2)

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        with exactly(x):
            power = x.to(exact).square().mean(dim=(1, 2))[:, None]
            around = functional.avg_pool1d(
                power,
                self.kernel_size[1],
                stride=1,
                padding=self.padding[1],
                count_include_pad=False,
            )
            # A root has no gradient at 0, where the floor is all there is.
            level = around.clamp_min(self.eps**2).sqrt() + self.eps
            return (x.to(exact) / level[:, None]).to(x.dtype)
