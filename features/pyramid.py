"""What the feature and the block of the constant-Q transform compute alike: decimations, frames, and their reach."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from .cqt_kernels import half_band_filter

DECIMATION_BLOCK = 128  # decimated samples computed by one row of the filter matrix


def decimation_matrix() -> Tensor:
    """(samples in, DECIMATION_BLOCK) float32: a low-pass filter and a decimation by 2, as one matrix product."""
    taps = torch.tensor(half_band_filter())  # on the meta device where a graph is tried
    # Output i of a block reads the taps from sample 2 i on.
    columns = [
        functional.pad(taps, (2 * i, 2 * (DECIMATION_BLOCK - 1 - i)))
        for i in range(DECIMATION_BLOCK)
    ]
    return torch.stack(columns).T.float().contiguous()


def half_taps(matrix: Tensor) -> int:
    """Samples that the low-pass filter of a `decimation_matrix` sees on either side."""
    n_taps: int = matrix.shape[0] - 2 * (DECIMATION_BLOCK - 1)
    return n_taps // 2


def pyramid(wave: Tensor, matrix: Tensor, n_levels: int) -> list[Tensor]:
    """The waveform (B, N) and its decimations by 2, 4, …; level l has ceil(N / 2^l) samples."""
    levels = [wave]
    width = matrix.shape[0]
    step = 2 * DECIMATION_BLOCK
    left = half_taps(matrix)
    for _ in range(1, n_levels):
        n_samples = levels[-1].shape[1]
        n_decimated = (n_samples + 1) // 2
        n_blocks = (n_decimated + DECIMATION_BLOCK - 1) // DECIMATION_BLOCK

        # Zeros up to whole blocks on the right; what they add is cut off again.
        right = step * (n_blocks - 1) + width - n_samples - left
        padded = functional.pad(levels[-1], (left, right))
        blocks = padded.unfold(1, width, step)
        levels.append((blocks @ matrix).flatten(1)[:, :n_decimated])
    return levels


def centred_frames(
    wave: Tensor, hop_length: int, frame_samples: int, n_frames: int
) -> Tensor:
    """(B, N) -> (B, n_frames, frame_samples), frame t around sample t · hop_length, with silence outside."""
    half = frame_samples // 2
    right = (n_frames - 1) * hop_length + half - wave.shape[1]
    padded = functional.pad(wave, (half, right))
    return padded.unfold(1, frame_samples, hop_length)


def reach_samples(octaves: Iterable[tuple[int, int]], matrix: Tensor) -> int:
    """Samples on either side of a frame's centre that can change it.

    octaves  (level, frame_samples) of each Fourier transform
    """
    pairs = list(octaves)
    deepest = max(level for level, _ in pairs)
    widest = max((frame_samples // 2) << level for level, frame_samples in pairs)
    # A tap at level l spans 2^l samples of the audio, so that all filters together reach
    # 1 + 2 + … + 2^(d-1) = 2^d - 1 times the half of one.
    return widest + half_taps(matrix) * ((1 << deepest) - 1)
