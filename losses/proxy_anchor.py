"""ProxyAnchor: one learned vector per label, which draws its items and repels the others."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .base import register_loss


@register_loss("proxy_anchor")
class ProxyAnchor(nn.Module):
    """Loss of embeddings (B, D) with labels (B,) in 0 … K - 1; a scalar.

    Source: Kim et al., "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020, eq. 4, with its α = 32, δ = .1. The
    proxies (K, D) are parameters, to be trained with a rate of their own (there: 100 times that of the network).
    """

    def __init__(
        self, n_labels: int, embed_dim: int, alpha: float = 32.0, margin: float = 0.1
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.margin = margin
        self.proxies = nn.Parameter(torch.empty(n_labels, embed_dim))
        nn.init.kaiming_normal_(self.proxies, mode="fan_out")

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        unit = functional.normalize(embeddings, dim=1)
        proxies = functional.normalize(self.proxies, dim=1)
        similarity = unit @ proxies.T
        # Each proxy draws the items of its label, and repels all others; labels that are not there draw nothing.
        own = functional.one_hot(labels, len(self.proxies)).bool()
        # The hardest items of a proxy weigh most, as in eq. 4: the sum stands inside of the logarithm.
        drawn = _softplus_sum(-self.alpha * (similarity - self.margin), own)
        repelled = _softplus_sum(self.alpha * (similarity + self.margin), ~own)
        present = own.any(dim=0)
        return drawn[present].mean() + repelled.mean()


def _softplus_sum(logits: Tensor, kept: Tensor) -> Tensor:
    """log(1 + Σ exp) over the kept items of each proxy, (B, K) -> (K,)."""
    return functional.softplus(logits.masked_fill(~kept, -torch.inf).logsumexp(dim=0))
