"""Losses: what torch does not have, and checks around what it has.

Names are loaded on first use: importing `mirbricks.losses` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

# The errors of this room can be raised once it is imported.
from . import codes as codes

if TYPE_CHECKING:
    from .adversarial import feature_matching as feature_matching
    from .adversarial import gradient_penalty as gradient_penalty
    from .adversarial import hinge_discriminator as hinge_discriminator
    from .adversarial import hinge_generator as hinge_generator
    from .adversarial import wasserstein_critic as wasserstein_critic
    from .base import losses as losses
    from .base import register_loss as register_loss
    from .classification import binary_cross_entropy as binary_cross_entropy
    from .contrastive import barlow_twins as barlow_twins
    from .contrastive import nt_xent as nt_xent
    from .contrastive import spread as spread
    from .contrastive import vicreg as vicreg
    from .equivariance import shifted_cross_entropy as shifted_cross_entropy
    from .equivariance import symmetric_cross_entropy as symmetric_cross_entropy
    from .equivariance import transposition_loss as transposition_loss
    from .proxy_anchor import ProxyAnchor as ProxyAnchor
    from .spectral import MultiResolutionSTFT as MultiResolutionSTFT
    from .spectral import MultiScaleMel as MultiScaleMel
    from .spectral import compressed_magnitude as compressed_magnitude
    from .triplet import mine as mine
    from .triplet import pairwise_distances as pairwise_distances
    from .triplet import triplet_loss as triplet_loss
    from .waveform import cosine_loss as cosine_loss
    from .waveform import si_sdr_loss as si_sdr_loss
    from .waveform import snr_loss as snr_loss
    from .waveform import waveform_l1 as waveform_l1
    from .weighted import WeightedLosses as WeightedLosses

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "MultiResolutionSTFT": "spectral",
        "MultiScaleMel": "spectral",
        "ProxyAnchor": "proxy_anchor",
        "WeightedLosses": "weighted",
        "barlow_twins": "contrastive",
        "binary_cross_entropy": "classification",
        "compressed_magnitude": "spectral",
        "cosine_loss": "waveform",
        "feature_matching": "adversarial",
        "gradient_penalty": "adversarial",
        "hinge_discriminator": "adversarial",
        "hinge_generator": "adversarial",
        "losses": "base",
        "mine": "triplet",
        "nt_xent": "contrastive",
        "pairwise_distances": "triplet",
        "register_loss": "base",
        "shifted_cross_entropy": "equivariance",
        "si_sdr_loss": "waveform",
        "snr_loss": "waveform",
        "spread": "contrastive",
        "symmetric_cross_entropy": "equivariance",
        "transposition_loss": "equivariance",
        "triplet_loss": "triplet",
        "vicreg": "contrastive",
        "wasserstein_critic": "adversarial",
        "waveform_l1": "waveform",
    },
)
