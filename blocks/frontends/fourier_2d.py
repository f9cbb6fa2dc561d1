"""The two-dimensional Fourier magnitude, which a transposition and a shift in time leave as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import Block, BlockConfig, register


@register(
    "FourierMagnitude2d",
    shape="B C F T -> B C F T",
    source="Ellis & Bertin-Mahieux, ISMIR 2012",
    examples=[((2, 1, 12, 15), {}), ((2, 3, 5, 4), {})],
)
class FourierMagnitude2d(Block):
    """Magnitude of the Fourier transform over bins and frames: of chroma, a rotation of the bins changes nothing.

    Shape:   (B, C, F, T) -> (B, C, F, T): |Σ x(f, t) exp(-2πi (k f / F + m t / T))|, constant parts at k = 0, m = 0
    Source:  Ellis & Bertin-Mahieux, "Large-Scale Cover Song Recognition Using the 2D Fourier Transform Magnitude",
             ISMIR 2012, section 2.2, on patches of 75 beats of chroma. The gradient is 0 where the magnitude is.
    """

    sees_all_frames = True

    def __init__(self, config: BlockConfig) -> None:
        super().__init__(config)

    def forward(self, x: Tensor) -> Tensor:
        # There is no Fourier transform in bfloat16.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        # A shift only turns the phases, so the magnitude is blind to it.
        y: Tensor = torch.fft.fft2(wide).abs()
        return y.to(x.dtype)
