"""What a model of monophonic pitch is held to, with annotated pitches and without any."""

from __future__ import annotations

import torch
from torch import Tensor

from ...features.hcqt import HCQTFeatureConfig, to_scale
from ...losses.equivariance import (
    shifted_cross_entropy,
    symmetric_cross_entropy,
    transposition_loss,
)
from .config import F0Config
from .decoding import gaussian_targets
from .patches import UNKNOWN, VIEWS


def pitch_cross_entropy(scores: Tensor, bins: Tensor, blur_bins: float) -> Tensor:
    """Cross-entropy over the bins and one class more, that nothing sounds, whose score is 0; a scalar.

    scores  (B, 1, F, T)
    bins    (B, T) fractional; UNVOICED where nothing sounds, UNKNOWN where nothing is learned
    """
    flat = scores[:, 0].float().transpose(1, 2).flatten(0, 1)
    truth = bins.flatten()
    known = truth != UNKNOWN
    # The mean over no frame is 0 / 0; this zero still depends on the scores.
    if not bool(known.any()):
        return scores.sum() * 0.0
    flat, truth = flat[known], truth[known]
    silence = flat.new_zeros(len(flat), 1)
    log_total = torch.cat([flat, silence], dim=1).logsumexp(1)
    wanted = gaussian_targets(truth, flat.shape[1], blur_bins)
    # Of an unvoiced frame only the class with the score 0 is wanted.
    wanted = wanted * (truth >= 0)[:, None]
    return (log_total - (wanted * flat).sum(1)).mean()


def equivariant_losses(
    scores: Tensor,
    inputs: Tensor,
    shifts: Tensor,
    config: F0Config,
    feature: HCQTFeatureConfig,
) -> dict[str, Tensor]:
    """The three losses of PESTO, weighted; scores (3 B, 1, F, T) of two views and of the transposed one.

    Frames that are softer than `floor_db` in any view are left out: noise has no pitch to agree on.
    """
    answers = scores[:, 0].float().transpose(1, 2)
    floor = torch.tensor(10.0 ** (config.floor_db / 20.0))
    loud = inputs.flatten(1, 2).amax(1) >= to_scale(floor, feature.scale, 1.0)
    heard = loud.reshape(VIEWS, -1, loud.shape[1]).all(0)
    if not bool(heard.any()):
        return {"invariance": scores.sum() * 0.0}
    one, other, higher = (part[heard] for part in answers.chunk(VIEWS))
    each = shifts[:, None].expand_as(heard)[heard]
    moved_mean = transposition_loss(one, higher, each, feature.bins_per_octave)
    return {
        "invariance": config.invariance_weight * symmetric_cross_entropy(one, other),
        "equivariance": config.equivariance_weight * moved_mean,
        "shift": config.shift_weight * shifted_cross_entropy(one, higher, each),
    }
