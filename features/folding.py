"""From constant-Q bins to pitch classes, and how far music is out of tune; torch and plain functions only."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

SILENCE = 1e-6  # no frame is brought up from below this
ORDERS = {"max": float("inf"), "l1": 1.0, "l2": 2.0}
LEAST_PEAK = 0.1  # of the frame's largest magnitude: what a peak must have to count for the tuning
_WHOLE = 1e-6  # a bin that reaches this far into the next class is rounding


def semitone_of(hz: float) -> float:
    """MIDI number, 69 for 440 Hz; multiples of 12 are C."""
    return 69 + 12 * math.log2(hz / 440)


def pitch_classes(
    fmin_hz: float, bins_per_octave: int, n_chroma: int, shift: Tensor
) -> Tensor:
    """(B, n_chroma, bins_per_octave): which share of each bin, counted from fmin_hz, a pitch class takes; class 0 is C.

    shift  (B,) semitones that the bins lie above where fmin_hz, rounded to a class, says

    A class takes the bins within half its width; a bin between two classes, with a shift, is shared out. With shift 0
    and bins that belong to one class each this is librosa's rule (an even number of bins to a class: the lower half
    begins at the border).
    """
    width = n_chroma / bins_per_octave  # of a bin, in classes
    merged = bins_per_octave // n_chroma
    lowest = round(n_chroma / 12 * semitone_of(fmin_hz))
    edge = 0.5 - (width / 2 if merged % 2 else 0.0)
    bins = (
        torch.arange(bins_per_octave, dtype=torch.float64, device=shift.device) * width
    )
    # Where each bin begins, counted in classes from C.
    low = lowest + edge + bins + (shift.double() * (n_chroma / 12))[:, None] + _WHOLE
    # A bin lies in one class, or over the border to the next: then each takes its share.
    first = low.floor()
    share = ((1 - (low - first)) / width + 2 * _WHOLE / width).clamp(0, 1)
    classes = torch.arange(n_chroma, device=shift.device)[:, None]
    own = (first.remainder(n_chroma)[:, None] == classes) * share[:, None]
    return (
        own
        + ((first + 1).remainder(n_chroma)[:, None] == classes) * (1 - share)[:, None]
    )


def unit_frames(
    chroma: Tensor, norm: Literal["max", "l1", "l2"] | None, dim: int
) -> Tensor:
    """Every frame over its largest value, its sum, or the root of its summed squares; `dim` is that of the classes."""
    if norm is None:
        return chroma
    size: Tensor = torch.linalg.vector_norm(chroma, ORDERS[norm], dim=dim, keepdim=True)
    return chroma / size.clamp_min(SILENCE)


def tuning_sum(magnitude: Tensor, fmin_hz: float, bins_per_octave: int) -> Tensor:
    """(B, F, T) magnitudes -> (B,) complex128: Σ m exp(2πi p) over the peaks of each frame, p their pitch in semitones.

    Its angle over 2π is the tuning in semitones above A4 = 440 Hz; sums of parts of a recording add up. Peaks are
    where a parabola through the logarithms has its top. Source: Dressler & Streich, "Tuning frequency estimation using
    circular statistics", ISMIR 2007. What is not finite counts nothing.
    """
    # Peaks: bins above both neighbours, and not far below the loudest of their frame.
    logs = magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny).log()
    left = logs[:, :-2]
    top = logs[:, 1:-1]
    right = logs[:, 2:]
    size = magnitude[:, 1:-1]
    is_peak = (
        (top > left)
        & (top >= right)
        & (size >= LEAST_PEAK * magnitude.amax(dim=1, keepdim=True))
        & (size > 0)
    )
    # Their exact pitch lies at the top of a parabola through three logarithms.
    offset = 0.5 * (left - right) / (left - 2 * top + right).clamp_max(-1e-12)
    bins = torch.arange(
        1, magnitude.shape[1] - 1, dtype=torch.float64, device=magnitude.device
    )[:, None]
    pitch = semitone_of(fmin_hz) + 12 / bins_per_octave * (bins + offset.double())
    # Each peak is an arrow whose angle is its distance from the nearest semitone, as long as it is loud.
    weight = torch.where(
        is_peak & size.isfinite() & pitch.isfinite(), size, 0.0
    ).double()
    angle = torch.where(weight > 0, 2 * math.pi * pitch, 0.0)
    return torch.complex(
        (weight * angle.cos()).sum(dim=(1, 2)), (weight * angle.sin()).sum(dim=(1, 2))
    )


def tuning_of(total: Tensor) -> Tensor:
    """(B,) semitones above A4 = 440 Hz, within ± .5, of a `tuning_sum`; 0 where nothing sounds."""
    return total.angle() / (2 * math.pi)
