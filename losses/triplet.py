"""Triplets out of a batch: an anchor, a version of the same work, and a track of another one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .base import register_loss

Mining = Literal["random", "semi-hard", "hard"]
Distance = Literal["euclidean", "squared_per_dim"]
FLOOR = 1e-12  # of squared distances, whose root would have no gradient at 0


def pairwise_distances(embeddings: Tensor, distance: Distance = "euclidean") -> Tensor:
    """Distances of embeddings (B, D), (B, B); the gradient is finite everywhere.

    euclidean        the root of the sum of squared differences
    squared_per_dim  the mean of squared differences (Yesiler et al., "Accurate and Scalable Version Identification
                     Using Musically-Motivated Embeddings", ICASSP 2020, section 3.4)
    """
    sums = embeddings.square().sum(1)
    # |a - b|² = |a|² + |b|² - 2ab takes one matrix product; its rounding may fall under 0.
    squares = (sums[:, None] + sums - 2 * embeddings @ embeddings.T).clamp_min(FLOOR)
    if distance == "squared_per_dim":
        return squares / embeddings.shape[1]
    return squares.sqrt()


def mine(
    distances: Tensor,
    works: Tensor,
    mining: Mining,
    margin: float,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Indices (M,) of anchors, positives and negatives, from distances (B, B) and works (B,).

    Every ordered pair (a, p) of two different items of one work looks for a negative n, an item of another work:

    random      any one
    semi-hard   any one with d(a, p) < d(a, n) < d(a, p) + margin (Schroff et al., "FaceNet", CVPR 2015, section 3.2);
                a pair without one gives no triplet
    hard        only the farthest p of each a, and the nearest n (Hermans et al., "In Defense of the Triplet Loss",
                2017, eq. 5)
    """
    same = works[:, None] == works
    itself = torch.eye(len(works), dtype=torch.bool, device=works.device)
    # The choice has no gradient: it is made from distances, and the loss is computed from them again.
    with torch.no_grad():
        if mining == "hard":
            return _hardest(distances, same, same & ~itself)
        # Every ordered pair of one work, and the negatives that are allowed to it.
        anchor, positive = (same & ~itself).nonzero(as_tuple=True)
        allowed = ~same[anchor]
        if mining == "semi-hard":
            of_pair = distances[anchor, positive][:, None]
            from_anchor = distances[anchor]
            allowed &= (from_anchor > of_pair) & (from_anchor < of_pair + margin)
        # Pairs without a negative give no triplet.
        found = allowed.any(dim=1)
        anchor = anchor[found]
        positive = positive[found]
        allowed = allowed[found]
        if not len(anchor):
            return anchor, positive, anchor

        # Drawn among all that are allowed: the nearest one every time would be the mining called hard.
        drawn = torch.multinomial(allowed.double(), 1, generator=generator)
        return anchor, positive, drawn[:, 0]


def _hardest(
    distances: Tensor, same: Tensor, positives: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    anchor = (positives.any(dim=1) & ~same.all(dim=1)).nonzero()[:, 0]
    farthest = distances.masked_fill(~positives, -torch.inf).argmax(dim=1)
    nearest = distances.masked_fill(same, torch.inf).argmin(dim=1)
    return anchor, farthest[anchor], nearest[anchor]


@register_loss("triplet")
def triplet_loss(
    embeddings: Tensor,
    works: Tensor,
    mining: Mining,
    margin: float,
    generator: torch.Generator | None = None,
    *,
    distance: Distance = "euclidean",
) -> Tensor:
    """Mean of max(0, d(a, p) - d(a, n) + margin) over the mined triplets; 0 with a gradient where there are none."""
    distances = pairwise_distances(embeddings, distance)
    anchor, positive, negative = mine(distances, works, mining, margin, generator)
    if not len(anchor):
        # A zero that still depends on the embeddings, so that backward() finds a graph.
        return embeddings.sum() * 0.0
    excess = distances[anchor, positive] - distances[anchor, negative] + margin
    return excess.clamp_min(0).mean()
