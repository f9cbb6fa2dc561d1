"""Losses of embeddings that know only what belongs together."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .base import register_loss


@register_loss("nt_xent")
def nt_xent(embeddings: Tensor, works: Tensor, temperature: float = 0.1) -> Tensor:
    """Normalised temperature-scaled cross-entropy of embeddings (B, D) with labels (B,); a scalar.

    Each item must find those of its label among all others by cosine similarity over the temperature. With two views of
    each item it is Chen et al., "SimCLR", ICML 2020, eq. 1; with more it is the mean over the positives outside of the
    logarithm, Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, eq. 2. Items without a partner are
    left out; without any, 0 with a gradient.
    """
    unit = functional.normalize(embeddings, dim=1)
    itself = torch.eye(len(works), dtype=torch.bool, device=works.device)
    # Cosines of all pairs; an item is its own nearest neighbour, which would be every answer.
    logits = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    # The positives' mean stands outside of the logarithm: inside, the easiest positive alone would count.
    positives = (works[:, None] == works) & ~itself
    # How large the share of each partner is among all others, in logarithms.
    log_share = logits - logits.logsumexp(dim=1, keepdim=True)
    counts = positives.sum(1)
    found = counts > 0
    if not found.any():
        return embeddings.sum() * 0.0
    each = log_share.masked_fill(~positives, 0.0).sum(1)[found] / counts[found]
    return -each.mean()


@register_loss("vicreg")
def vicreg(
    one: Tensor,
    other: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
) -> Tensor:
    """Variance, invariance and covariance of two views (B, D), row by row of the same item; a scalar.

    Source: Bardes et al., "VICReg", ICLR 2022, eq. 1-6: standard deviations under 1 cost, and so does every covariance
    of two features; B - 1 in both.
    """
    # The views must agree; alone, this is best served by one and the same vector for everything.
    total = invariance * functional.mse_loss(one, other)
    for view in (one, other):
        centred = view - view.mean(dim=0)
        # So each feature must vary, by a hinge that ends at 1.
        deviation = (centred.square().sum(0) / (len(view) - 1) + 1e-4).sqrt()
        total = total + variance * (1 - deviation).clamp_min(0).mean() / 2
        # And features must vary independently, or one number could be written many times.
        matrix = centred.T @ centred / (len(view) - 1)
        between = matrix.square().sum() - matrix.diagonal().square().sum()
        total = total + covariance * between / view.shape[1]
    return total


@register_loss("barlow_twins")
def barlow_twins(one: Tensor, other: Tensor, *, off_diagonal: float = 0.005) -> Tensor:
    """The cross-correlation of two views (B, D) held against the identity; a scalar.

    Source: Zbontar et al., "Barlow Twins", ICML 2021, eq. 1 and 2; features are standardised over the batch.
    """
    first, second = (
        (view - view.mean(0)) / (view.var(0, correction=0) + 1e-5).sqrt()
        for view in (one, other)
    )
    matrix = first.T @ second / len(one)
    diagonal = matrix.diagonal()
    # On the diagonal the two views must agree; off it, features must not repeat one another.
    invariance = (1 - diagonal).square().sum()
    redundancy = matrix.square().sum() - diagonal.square().sum()
    return invariance + off_diagonal * redundancy


def spread(embeddings: Tensor) -> dict[str, float]:
    """Whether embeddings (B, D) have collapsed: `std`, the mean deviation of a feature of unit vectors times √D (1 for
    directions drawn at random, 0 for one and the same), and `rank`, the effective rank.

    Source: Roy & Vetterli, "The effective rank", EUSIPCO 2007: exp of the entropy of the singular values.
    """
    # In double precision: a collapse shows in differences close to rounding.
    unit = functional.normalize(embeddings.double(), dim=1)
    std = float(unit.std(dim=0, correction=0).mean() * unit.shape[1] ** 0.5)
    # The entropy of the singular values: how many directions are in use.
    values = torch.linalg.svdvals(unit - unit.mean(dim=0))
    share = values / values.sum().clamp_min(1e-12)
    entropy = -(share * share.clamp_min(1e-12).log()).sum()
    return {"std": std, "rank": float(torch.exp(entropy))}
