"""Losses: what torch does not have, and checks around what it has.

Names are loaded on first use: importing `mirbricks.losses` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

# The errors of this room can be raised once it is imported.
from . import codes as codes

if TYPE_CHECKING:
    from .base import losses as losses
    from .base import register_loss as register_loss
    from .classification import binary_cross_entropy as binary_cross_entropy
    from .contrastive import barlow_twins as barlow_twins
    from .contrastive import nt_xent as nt_xent
    from .contrastive import spread as spread
    from .contrastive import vicreg as vicreg
    from .proxy_anchor import ProxyAnchor as ProxyAnchor
    from .triplet import mine as mine
    from .triplet import pairwise_distances as pairwise_distances
    from .triplet import triplet_loss as triplet_loss

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "ProxyAnchor": "proxy_anchor",
        "barlow_twins": "contrastive",
        "binary_cross_entropy": "classification",
        "losses": "base",
        "mine": "triplet",
        "nt_xent": "contrastive",
        "pairwise_distances": "triplet",
        "register_loss": "base",
        "spread": "contrastive",
        "triplet_loss": "triplet",
        "vicreg": "contrastive",
    },
)
