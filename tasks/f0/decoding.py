"""From the scores of bins to one pitch per frame, and how sure it is that something sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.batching.patches import take_patch
from ...features.hcqt import HCQTFeatureConfig
from ..base import OnShare, unseen
from ..patches import input_shape_of
from ..reach import reach_of
from ..reading import Recorded
from ..recordings import refuse_not_finite
from .config import F0Config

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """Of T frames: times, pitches in Hz, `voicing` in 0 … 1, and the probabilities (F, T) of the bins."""

    times_s: Float64
    hz: Float64
    voicing: Float64
    probabilities: NDArray[np.float32]


def decode(
    scores: Tensor,
    levels: Tensor | None,
    config: F0Config,
    feature: HCQTFeatureConfig,
    offset: float = 0.0,
) -> Heard:
    """What the scores (F, T) of a model say.

    levels  (T,) the loudest bin of each frame in the scale of the feature, for models that have not learned voicing
    offset  what the answers lie below the truth, in bins
    """
    scores = scores.double()
    # Nothing sounds with a score of 0, and the bins together have the rest of the probability.
    if levels is None:
        voicing = torch.sigmoid(scores.logsumexp(0))
    else:
        voicing = levels.double()
    probabilities = scores.softmax(0)
    bins = local_average(probabilities, config.average_bins).numpy()
    times_s = np.arange(scores.shape[1], dtype=np.float64) * feature.hop_s
    return Heard(
        times_s,
        hz_of_bins(bins, feature, offset),
        voicing.numpy(),
        (probabilities * voicing).float().numpy(),
    )


def local_average(probabilities: Tensor, reach: int) -> Tensor:
    """(T,) the mean of the bins within `reach` of the most probable one of (F, T), weighted by probability.

    Kim et al., "CREPE: A convolutional representation for pitch estimation", ICASSP 2018, eq. 2, near the peak only.
    """
    n_bins = len(probabilities)
    top = probabilities.argmax(0)
    near = top + torch.arange(-reach, reach + 1, device=top.device)[:, None]
    inside = (near >= 0) & (near < n_bins)
    weights = probabilities.gather(0, near.clamp(0, n_bins - 1)) * inside
    # The peak has more than 0, so the sum has too.
    return (weights * near).sum(0) / weights.sum(0)


def scores_of(
    model: nn.Module,
    feature: Recorded,
    config: F0Config,
    on_share: OnShare = unseen,
) -> Tensor:
    """Scores (F, T) of a whole recording, block by block; `feature` is in its scale, the model in eval() mode."""
    n_frames = feature.n_frames
    size, reach = _block(model, config, n_frames)
    behind, ahead = reach
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    found = []
    done = 0
    while done < n_frames:
        # Blocks overlap by what an answer depends on: of each those frames count that see all they would see in the
        # whole recording.
        begin = max(0, min(done - behind, n_frames - size))
        patch = take_patch(feature.read, begin, size, n_frames)
        scores = model(patch[None].to(device)).float().cpu()[0, 0]
        stop = n_frames if begin + size >= n_frames else begin + size - ahead
        found.append(scores[:, done - begin : stop - begin])
        done = stop
        on_share(done / n_frames)
    together = torch.cat(found, dim=1)
    refuse_not_finite(together.numpy())
    return together


def _block(
    model: nn.Module, config: F0Config, n_frames: int
) -> tuple[int, tuple[int, int]]:
    """Frames at once, and those at either side that only serve the others."""
    shape = input_shape_of(model)
    sees = reach_of(model)
    reach = None
    # Blocks begin anywhere, which a graph that pools frames does not allow.
    if sees is not None and sees.period == 1:
        reach = (sees.behind, sees.ahead)
    # A graph that fixes T has seen patches of the training only.
    if shape and isinstance(shape[-1], int):
        size = config.patch_frames
    elif reach is None:
        size = min(config.predict_frames, max(n_frames, config.patch_frames))
    else:
        size = min(max(config.predict_frames, 2 * sum(reach) + 1), n_frames)
    # Of a graph that may see everything, the frames next to an edge are the least certain.
    if reach is None or sum(reach) >= size:
        reach = (size // 8, size // 8)
    return size, reach


def levels_of(feature: Recorded) -> Tensor:
    """(T,) the loudest bin of each frame, in the scale of the feature."""
    return feature.read(0, feature.n_frames).flatten(0, -2).amax(0)


def hz_of_bins(bins: Float64, feature: HCQTFeatureConfig, offset: float) -> Float64:
    """Frequencies of fractional bins that lie `offset` bins below the truth."""
    octaves = (bins + offset) / feature.bins_per_octave
    return np.asarray(feature.fmin_hz * 2.0**octaves, np.float64)


def offset_in(settings: Mapping[str, Any]) -> float:
    """What `tune` found the answers to lie below the truth."""
    return float(settings.get("offset_bins", 0.0))


def gaussian_targets(bins: Tensor, n_bins: int, blur_bins: float) -> Tensor:
    """Distributions (N, F) around fractional bins (N,)."""
    places = torch.arange(n_bins, dtype=bins.dtype, device=bins.device)
    distance = (places - bins[:, None]) / blur_bins
    return F.softmax(-0.5 * distance.square(), dim=1)
