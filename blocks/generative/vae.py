"""The bottleneck of the variational auto-encoder."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ...registry import BlockConfig, register
from .bottleneck import Bottleneck

# Beyond these bounds exp would lose the draw, or overflow in half precision.
LOG_VARIANCE = (-30.0, 20.0)


@register(
    "VAEBottleneck",
    shape="B C*2 ... -> B C ...",
    source="arXiv:1312.6114",
    examples=[((2, 6, 9), {}), ((2, 4, 3, 5), {"kl_weight": 0.1}), ((3, 8), {})],
)
class VAEBottleneck(Bottleneck):
    """A draw from the Gaussian that the input describes in training, its mean in eval().

    The first half of the channels is the mean, the second the logarithm of the variance.

    Shape:   (B, 2 C, ...) -> (B, C, ...)
    Source:  Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014, section 2.4 (reparameterisation) and
             appendix B (KL from the standard normal); weight β: Higgins et al., "beta-VAE", ICLR 2017. The logarithm
             of the variance is held in -30 … 20.
    Reading: `gaussian`, `draw`, `kl`; `losses`, in training: "kl", the mean of `kl` over the batch, in nats, already
             times its weight. It is a sum over channels and frames: a reconstruction loss beside it must be one too.
    """

    class Config(BlockConfig):
        kl_weight: float = Field(
            1.0, ge=0, description="β: weight of the KL divergence; 1 is the plain VAE"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.kl_weight = config.kl_weight

    def forward(self, x: Tensor) -> Tensor:
        # The mean is the most likely draw, and the same for the same input.
        if not self.training:
            return self.gaussian(x)[0]
        self.losses = {"kl": self.kl_weight * self.kl(x).mean()}
        return self.draw(x)

    def gaussian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance: (B, 2 C, ...) -> two of (B, C, ...)."""
        mean, log_variance = x.chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE)

    def draw(self, x: Tensor) -> Tensor:
        """One sample of the Gaussian, in any mode, through which gradients flow: (B, 2 C, ...) -> (B, C, ...)."""
        mean, log_variance = self.gaussian(x)
        # Section 2.4: z = μ + σ ε with σ = exp(log σ² / 2), so that the gradient goes through μ and σ.
        return mean + (log_variance / 2).exp() * torch.randn_like(mean)

    def kl(self, x: Tensor) -> Tensor:
        """KL divergence of the Gaussian from the standard normal, in nats, of each item: (B, 2 C, ...) -> (B,)."""
        mean, log_variance = (part.flatten(1) for part in self.gaussian(x))
        # Appendix B: ½ Σ (μ² + σ² - 1 - log σ²).
        return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
