"""What training minimises."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...losses.contrastive import barlow_twins, nt_xent, vicreg
from ...losses.proxy_anchor import ProxyAnchor
from ...losses.triplet import Distance, triplet_loss
from .config import CoversConfig


class Objective:
    """The loss of embeddings (B, D) with the numbers of their works (B,).

    module    what of it is learned: the proxies, one per work of the training; None for the others
    lr_scale  its learning rate over that of the model
    """

    def __init__(
        self, config: CoversConfig, n_works: int, embed_dim: int, seed: int
    ) -> None:
        self.config = config
        self.lr_scale = config.proxy_lr
        self.module: nn.Module | None = None
        if config.loss == "proxy_anchor":
            # Proxies are drawn from a seed of their own and leave torch's generator as
            # it was: the choice of a loss changes no other draw.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.module = ProxyAnchor(n_works, embed_dim)

    def __call__(self, embeddings: Tensor, works: Tensor) -> Tensor:
        if self.module is not None:
            loss: Tensor = self.module(embeddings, works)
            return loss
        if self.config.loss == "nt_xent":
            return nt_xent(embeddings, works, self.config.temperature)
        # For losses of pairs `versions_per_work` is 2:
        # rows 2 i and 2 i + 1 belong together.
        if self.config.loss == "barlow_twins":
            return barlow_twins(embeddings[::2], embeddings[1::2])
        if self.config.loss == "vicreg":
            return vicreg(embeddings[::2], embeddings[1::2])
        # ‖a - b‖² = 2 - 2 cos(a, b) for unit vectors:
        # triplets then rank as the evaluation does.
        if self.config.distance == "unit":
            embeddings = functional.normalize(embeddings, dim=1)
            distance: Distance = "euclidean"
        else:
            distance = self.config.distance
        return triplet_loss(
            embeddings,
            works,
            self.config.mining,
            self.config.margin,
            distance=distance,
        )
