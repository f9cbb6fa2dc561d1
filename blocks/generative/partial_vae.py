"""The bottleneck of a variational auto-encoder beside which some channels pass as they are."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ...registry import BlockConfig, from_axis, register
from ..bounds import Width
from .bottleneck import Bottleneck
from .vae import VAEBottleneck


@register(
    "PartialVAEBottleneck",
    shape="B C ... -> B {out_channels} ...",
    source="arXiv:1312.6114",
    examples=[
        ((2, 7, 9), {"in_channels": 7, "kept": 1}),
        ((2, 6, 3, 5), {"in_channels": 6, "kept": 2, "kl_weight": 0.1}),
    ],
)
class PartialVAEBottleneck(VAEBottleneck):
    """VAEBottleneck of all channels but the first ones, which are kept: what is known exactly, such as a pitch.

    Shape:   (B, kept + 2 C, ...) -> (B, kept + C, ...)
    Source:  Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014; a latent space of a pitch that is given and
             a rest that is learned: Engel et al., "DDSP", ICLR 2020, section 3.1.
    Reading: as VAEBottleneck, of the channels that are not kept.
    """

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        kept: Width = Field(description="first channels that pass as they are")
        kl_weight: float = Field(
            1.0, ge=0, description="β: weight of the KL divergence; 1 is the plain VAE"
        )

        @property
        def out_channels(self) -> int:
            """Channels of the output."""
            return self.kept + (self.in_channels - self.kept) // 2

        @model_validator(mode="after")
        def _halves(self) -> PartialVAEBottleneck.Config:
            rest = self.in_channels - self.kept
            if self.in_channels > 0 and (rest < 1 or rest % 2):
                raise ValueError(
                    f"{self.in_channels} channels without the {self.kept} that are kept cannot be halved into means "
                    "and variances"
                )
            return self

    def __init__(self, config: Config) -> None:
        Bottleneck.__init__(self)
        self.kl_weight = config.kl_weight
        self.kept = config.kept

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, : self.kept]
        return torch.cat((kept, super().forward(x[:, self.kept :])), dim=1)
