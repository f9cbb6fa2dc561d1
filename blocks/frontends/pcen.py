"""Per-channel energy normalisation."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from ...features.moving_mean import moving_mean, over_mean
from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Eps


@register(
    "PCEN",
    shape="B ... F T -> B ... F T",
    source="arXiv:1607.05666",
    examples=[((2, 1, 3, 9), {}), ((2, 4, 10), {"smoothing": 0.2, "learnable": False})],
)
class PCEN(Block):
    """Each band over its own slowly moving mean, then a root: loudness is taken away, onsets stay.

    Shape:   (B, ..., F, T) -> the same, for energies or magnitudes ≥ 0 (below 0 counts as 0). Causal.
    Source:  Wang et al., "Trainable Frontend For Robust and Far-Field Keyword Spotting", ICASSP 2017, eq. 1 and 2:
             M(t) = (1 - s) M(t - 1) + s E(t), (E / (ε + M)^α + δ)^r - δ^r, every band with α, δ, r and s of its own,
             all learned as in LEAF (arXiv:2101.08596). M starts at the first frame. Learned values are kept within
             0 ≤ α, r, s ≤ 1 and δ ≥ eps where they are used.
    """

    class Config(BlockConfig):
        n_bands: int = from_axis("F")
        alpha: float = Field(
            0.98,
            ge=0,
            le=1,
            description="strength of the normalisation at the start: 0 is none",
        )
        delta: PositiveFloat = Field(
            2.0, description="bias before the root at the start"
        )
        r: float = Field(
            0.5, gt=0, le=1, description="exponent of the root at the start"
        )
        smoothing: float = Field(
            0.025,
            gt=0,
            le=1,
            description="weight of a new frame in the mean at the start",
        )
        eps: Eps = Field(1e-6, description="added to the mean")
        learnable: bool = Field(
            True, description="whether alpha, delta, r and smoothing are learned"
        )

    sees_all_frames = True  # the smoother has no end

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.eps = config.eps
        self.alpha: Tensor
        self.delta: Tensor
        self.r: Tensor
        self.smoothing: Tensor
        for name in ("alpha", "delta", "r", "smoothing"):
            # (bands, 1), so that each holds for all frames of its band.
            start = torch.full((config.n_bands, 1), getattr(config, name))
            if config.learnable:
                self.register_parameter(name, nn.Parameter(start))
            else:
                self.register_buffer(name, start)

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        # The powers and the running mean lose too much in half precision; learned values may leave their range.
        alpha, r, smoothing = (
            p.to(exact).clamp(0, 1) for p in (self.alpha, self.r, self.smoothing)
        )
        delta = self.delta.to(exact).clamp_min(self.eps)
        energy = x.to(exact).clamp_min(0)

        # eq. 2: M(t) = (1 - s) M(t - 1) + s E(t), then eq. 1: (E / (ε + M)^α + δ)^r - δ^r.
        mean = moving_mean(energy, smoothing)
        return over_mean(energy, mean, alpha, delta, r, self.eps).to(x.dtype)
