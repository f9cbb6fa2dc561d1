"""Windows, and the power of each frame of a waveform; torch and plain functions only, shared with the blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

WINDOWS: dict[str, Callable[[int], Tensor]] = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
    "rectangular": lambda length: torch.ones(length),
}
Window = Literal["hann", "hamming", "blackman", "rectangular"]


def padded_window(name: str, length: int, n_fft: int) -> Tensor:
    """(n_fft,) the periodic window of `length` samples in the middle of zeros."""
    left = (n_fft - length) // 2
    return functional.pad(WINDOWS[name](length), (left, n_fft - length - left))


def centred_frames(wave: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """(B, N) -> (B, T, n_fft), T = 1 + N // hop_length; frame t is centred on sample t · hop_length, with silence
    outside. A view of a padded copy."""
    n_frames = 1 + wave.shape[1] // hop_length
    half = n_fft // 2
    # Negative where the last hop is longer than half a frame:
    # `pad` then cuts off samples that no frame reaches.
    right = (n_frames - 1) * hop_length + n_fft - half - wave.shape[1]
    return functional.pad(wave, (half, right)).unfold(1, n_fft, hop_length)
