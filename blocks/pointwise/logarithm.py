"""From magnitudes to levels and back."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from ...registry import Block, BlockConfig, register

ANY = "B ... -> B ..."
LOG = "https://docs.pytorch.org/docs/stable/generated/torch.log.html"
EXP = "https://docs.pytorch.org/docs/stable/generated/torch.exp.html"


@register("Log", shape=ANY, source=LOG, examples=[((2, 3, 4), {"floor": 0.01})])
class Log(Block):
    """log(|x| + floor): the level of a magnitude, in nepers (8.7 dB).

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.log
    """

    class Config(BlockConfig):
        floor: PositiveFloat = Field(
            1e-5,
            description="added before the logarithm: what is much below it is silence",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.floor = config.floor

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x.abs() + self.floor)


@register("Exp", shape=ANY, source=EXP, examples=[((2, 3, 4), {"max": 2.0})])
class Exp(Block):
    """exp(x): the magnitude of a level.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.exp
    """

    class Config(BlockConfig):
        max: float = Field(
            20.0,
            ge=-80,
            le=80,
            description="greater x count as this one, so that nothing overflows",
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.max = config.max

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp_max(self.max).exp()
