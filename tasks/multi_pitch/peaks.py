"""From a model's patches to the salience of a whole recording, and the peaks of salience in frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.batching.patches import overlap_add
from ...features.hcqt import HCQTFeatureConfig, to_scale
from ...midi_numbers import midi_of
from ..base import OnShare, unseen
from ..patches import every_patch
from ..reading import Recorded, as_recorded, magnitudes_of
from ..recordings import refuse_not_finite

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

# Patches in one call of the model, and how many frames they have together at most: what
# a model makes of them on the way is the largest part of the memory of a prediction.
PATCHES_AT_ONCE = 4
FRAMES_AT_ONCE = 1024
BLOCK_FRAMES = 1024  # decoded at once: bounds the memory of what is interpolated


@dataclass(frozen=True)
class Peaks:
    """Peaks of salience: fractional `bins` and `heights`, each with the index of its time, ascending."""

    times_s: Float64
    frames: Int64
    bins: Float64
    heights: Float64

    def at_least(self, threshold: float) -> Peaks:
        high = self.heights >= threshold
        return Peaks(
            self.times_s, self.frames[high], self.bins[high], self.heights[high]
        )

    def at_most(self, n: int | None) -> Peaks:
        """The `n` highest peaks of each time, of equals those of the lowest bins; None: all of them."""
        if n is None:
            return self
        # Sorted by time, and within a time from the highest peak down. The sort
        # is stable, and the peaks of a time come by their bins.
        order = np.lexsort((-self.heights, self.frames))
        frames = self.frames[order]
        # The rank of a peak is its place less that of the first peak of its time.
        ranks = np.arange(len(order)) - np.searchsorted(frames, frames)
        kept = np.sort(order[ranks < n])
        return Peaks(
            self.times_s, self.frames[kept], self.bins[kept], self.heights[kept]
        )

    def hz(self, feature: HCQTFeatureConfig) -> Float64:
        hz: Float64 = feature.fmin_hz * 2.0 ** (self.bins / feature.bins_per_octave)
        return hz

    def midi(self, feature: HCQTFeatureConfig) -> Float64:
        """MIDI numbers with their cents."""
        return midi_of(self.hz(feature))

    def hz_of_each(self, feature: HCQTFeatureConfig) -> list[Float64]:
        """T' arrays of Hz."""
        return np.split(
            self.hz(feature),
            np.searchsorted(self.frames, np.arange(1, len(self.times_s))),
        )


def probabilities_of(
    model: nn.Module,
    feature: Recorded | Tensor,
    config: HCQTFeatureConfig,
    patch_frames: int,
    on_share: OnShare = unseen,
    shifts: Sequence[int] = (0,),
) -> Tensor:
    """Probabilities (C, F, T) of a whole recording: overlapping patches through the model, some at once, overlap-added.
    With several `shifts` it is the mean over as many transpositions.

    `feature` is cached, read patch by patch, or a complex tensor (H, F, T). The model gives logits (B, C, F, T) and
    is in eval() mode, under torch.inference_mode().
    """
    recorded = as_recorded(feature)
    n_frames = recorded.n_frames
    peak = recorded.peak
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    starts = []
    probabilities = []
    # Patches overlap by an eighth, because near the edges a
    # convolution sees padding instead of music.
    for some, patches in every_patch(
        n_frames,
        magnitudes_of(recorded),
        patch_frames=patch_frames,
        hop_frames=patch_frames - patch_frames // 8,
        at_once=max(1, min(PATCHES_AT_ONCE, FRAMES_AT_ONCE // patch_frames)),
    ):
        inputs = to_scale(patches, config.scale, peak).to(device)
        starts.append(some)
        probabilities.append(over_shifts(model, inputs, shifts).cpu())
        on_share(min(1.0, (int(some[-1]) + patch_frames) / n_frames))
    found = overlap_add(torch.cat(probabilities), np.concatenate(starts), n_frames)
    refuse_not_finite(found.numpy())
    return found


def over_shifts(model: nn.Module, inputs: Tensor, shifts: Sequence[int]) -> Tensor:
    """Probabilities (B, C, F, T), the mean over transpositions of the input by so many bins, each put back."""
    if tuple(shifts) == (0,):
        return torch.sigmoid(model(inputs).float())
    total = inputs.new_zeros(())
    counts = inputs.new_zeros(inputs.shape[2], 1)
    for shift in shifts:
        found = torch.sigmoid(model(moved(inputs, shift)).float())
        total = total + moved(found, -shift)
        # A bin that was moved out of the map is one of which this transposition knows nothing.
        counts += moved(torch.ones_like(counts)[None, None], -shift)[0, 0]
    return total / counts.clamp_min(1.0)


def moved(x: Tensor, bins: int) -> Tensor:
    """(B, C, F, T) moved up by so many bins, zeros in place of what lay beyond the map's end."""
    n_bins = x.shape[2]
    up = min(max(bins, 0), n_bins)
    down = min(max(-bins, 0), n_bins)
    return F.pad(x[:, :, down : n_bins - up], (0, 0, up, down))


def find_peaks(
    salience: Tensor,
    hop_s: float,
    *,
    least: float,
    min_distance_bins: int,
    upsampling: int,
) -> Peaks:
    """Peaks of at least `least` along the bins of (F, T), interpolated linearly to `upsampling` times a frame."""
    last = salience.shape[1] - 1
    blocks = []
    for start in range(0, max(last, 1), BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, last)
        rows = _upsampled(salience[:, start : stop + 1].T, upsampling)
        # Two blocks share the frame between them; only
        # the last block keeps its own last one.
        blocks.append(
            _peaks(
                rows if stop == last else rows[:-1],
                start * upsampling,
                least,
                min_distance_bins,
            )
        )
    times_s = np.arange(last * upsampling + 1, dtype=np.float64) * (hop_s / upsampling)
    frames, bins, heights = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    return Peaks(times_s, frames, bins, heights)


def _upsampled(rows: Tensor, upsampling: int) -> Tensor:
    """(T, F) -> (upsampling · (T - 1) + 1, F), every `upsampling`-th row an old one."""
    part = torch.arange(upsampling, dtype=rows.dtype)[:, None] / upsampling
    between = torch.lerp(rows[:-1, None], rows[1:, None], part)
    return torch.cat([between.flatten(0, 1), rows[-1:]])


def _peaks(
    rows: Tensor, first: int, least: float, min_distance_bins: int
) -> tuple[Int64, Float64, Float64]:
    """Times (from `first` on), fractional bins and heights of the highest values within ± min_distance_bins.

    Of equal values the lowest bin counts. The fraction is the vertex of the parabola through the logarithms of a peak
    and its neighbours, exact for a Gaussian (Smith, "Spectral Audio Signal Processing", quadratic interpolation).
    """
    # -1 is less than any probability, so a peak may lie at the edge. Strict on one side
    # only: of a plateau one bin is the peak.
    below = F.max_pool1d(
        F.pad(rows, (min_distance_bins, 0), value=-1.0), min_distance_bins, 1
    )[:, :-1]
    above = F.max_pool1d(
        F.pad(rows, (0, min_distance_bins), value=-1.0), min_distance_bins, 1
    )[:, 1:]
    frames, bins = torch.nonzero(
        (rows > below) & (rows >= above) & (rows >= least), as_tuple=True
    )

    # With α, β, γ the logarithms left of the peak, at it and right of it, the vertex
    # lies (α - γ) / 2 (α - 2 β + γ) bins away.
    sides = torch.stack([bins - 1, bins, bins + 1]).clamp(0, rows.shape[1] - 1)
    left, top, right = rows[frames, sides].double().clamp_min(1e-12).log()
    bend = (left - 2.0 * top + right).clamp_max(-1e-12)
    fraction = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
    # At the edge a neighbour is missing.
    fraction[(bins == 0) | (bins == rows.shape[1] - 1)] = 0.0
    return (
        frames.numpy() + first,
        (bins + fraction).numpy(),
        rows[frames, bins].double().numpy(),
    )
