"""Songs repeat themselves: what a model gives for a passage is averaged with what it gives where the same is played.

Sources: Mauch, Noland & Dixon, "Using Musical Structure to Enhance Automatic Chord Transcription", ISMIR 2009, who
average chroma over the segments of one kind; Buades, Coll & Morel, "A non-local algorithm for image denoising",
CVPR 2005, for the weights, which need no segments.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .config import ChordsConfig

Float64 = NDArray[np.float64]
BLOCK = 256  # frames whose passages are compared at once
REACH = 4096  # frames to either side in which a passage is looked for: work grows with the length, not its square


def averaged(log_probability: Float64, config: ChordsConfig) -> Float64:
    """Log-probabilities (T, K), each the mean of its own and those of frames about which the same chords are heard.

    Two passages are alike by a = mean over their frames of Σ_c √(p_c q_c), 1 where all chords are equally probable; the
    other one has the weight exp(repeats (a - 1)), the frame itself `own_weight`.
    """
    if not config.repeats or not len(log_probability):
        return log_probability
    scores = torch.from_numpy(log_probability)
    half = config.passage_frames // 2
    # Roots of probabilities are vectors of unit length, whose products are Bhattacharyya's coefficients.
    roots = (0.5 * scores).exp().float()

    found = []
    n_frames = len(scores)
    for first in range(0, n_frames, BLOCK):
        last = min(first + BLOCK, n_frames)
        rows = torch.arange(first, last)
        columns = torch.arange(max(0, first - REACH), min(n_frames, last + REACH))
        weights = torch.exp(config.repeats * (_alike(roots, rows, columns, half) - 1))

        # A passage is no repetition of itself, a few frames later.
        apart = (rows[:, None] - columns).abs() > half
        weights = (weights * apart).double()
        mixed = config.own_weight * scores[rows] + weights @ scores[columns]
        found.append(mixed / (config.own_weight + weights.sum(1, keepdim=True)))
    # The mean of logarithms is not normalised any more; the path does not mind, but its probabilities are read, too.
    return torch.cat(found).log_softmax(1).numpy()


def _alike(roots: Tensor, rows: Tensor, columns: Tensor, half: int) -> Tensor:
    """(rows, columns) the mean product of `roots` (T, K) along two passages, of the frames that both have."""
    size = 2 * half + 1
    one = _with_margin(roots, rows, half)
    other = _with_margin(roots, columns, half)
    total = _along_diagonals(one @ other.T, size)

    # What lies before the beginning or behind the end of the recording has added nothing to the sum.
    behind = torch.minimum(rows[:, None], columns).clamp(max=half)
    ahead = (len(roots) - 1 - torch.maximum(rows[:, None], columns)).clamp(max=half)
    return total / (behind + ahead + 1)


def _with_margin(roots: Tensor, frames: Tensor, half: int) -> Tensor:
    """These frames and `half` more on either side, zeros where the recording has none."""
    begin = int(frames[0]) - half
    end = int(frames[-1]) + half + 1
    inside = roots[max(0, begin) : end]
    return functional.pad(inside, (0, 0, max(0, -begin), max(0, end - len(roots))))


def _along_diagonals(values: Tensor, size: int) -> Tensor:
    """Sums of `size` values (m, n) down each diagonal: (m - size + 1, n - size + 1)."""
    n_rows = values.shape[0] - size + 1
    n_columns = values.shape[1] - size + 1
    total = values.new_zeros(n_rows, n_columns)
    # Sums of 1, 2, 4, ... values, each made of two of the one before: those that add up to `size` are taken.
    power = 1
    done = 0
    while True:
        if size & power:
            total += values[done : done + n_rows, done : done + n_columns]
            done += power
        if done == size:
            return total
        values = values[:-power, :-power] + values[power:, power:]
        power *= 2
