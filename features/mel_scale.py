"""The mel scale, mel filters and logarithmic compression; torch and plain functions only, shared with the blocks."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

# Slaney, Auditory Toolbox, 1998: steps of 200/3 Hz up
# to 1 kHz, then 27 equal ratios up to 6.4 kHz.
SLANEY_BREAK_HZ = 1000.0
SLANEY_STEP_HZ = 200 / 3
SLANEY_LOG_STEP = math.log(6.4) / 27

MelScale = Literal["slaney", "htk"]


def hz_to_mel(hz: float, scale: MelScale = "htk") -> float:
    """Place of a frequency on the mel scale: 2595 log10(1 + hz / 700) (htk), or Slaney's, linear below 1 kHz."""
    if scale == "htk":
        return 2595 * math.log10(1 + hz / 700)
    if hz < SLANEY_BREAK_HZ:
        return hz / SLANEY_STEP_HZ
    return (
        SLANEY_BREAK_HZ / SLANEY_STEP_HZ
        + math.log(hz / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP
    )


def mel_to_hz(mel: Tensor, scale: MelScale = "htk") -> Tensor:
    """The inverse of `hz_to_mel`."""
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    above = SLANEY_BREAK_HZ * torch.exp(
        (mel - SLANEY_BREAK_HZ / SLANEY_STEP_HZ) * SLANEY_LOG_STEP
    )
    return torch.where(
        mel * SLANEY_STEP_HZ < SLANEY_BREAK_HZ, mel * SLANEY_STEP_HZ, above
    )


def mel_points_hz(
    low_hz: float, high_hz: float, count: int, scale: MelScale = "htk"
) -> Tensor:
    """(count,) frequencies equally spaced on the mel scale, from low_hz to high_hz, float64."""
    low, high = (hz_to_mel(hz, scale) for hz in (low_hz, high_hz))
    return mel_to_hz(torch.linspace(low, high, count, dtype=torch.float64), scale)


def mel_spaced_hz(
    low_hz: float, high_hz: float, count: int, scale: MelScale = "htk"
) -> Tensor:
    """`mel_points_hz` in torch's default precision."""
    return mel_points_hz(low_hz, high_hz, count, scale).to(torch.get_default_dtype())


def mel_triangles(
    peaks_hz: Tensor, n_bins: int, bin_hz: float, unit_area: bool
) -> Tensor:
    """(n_mels, n_bins) triangles over Fourier bins, each from its lower neighbour's peak to its upper one's.

    peaks_hz   (n_mels + 2,): the ends of the lowest and of the highest band included
    unit_area  area 1 in Hz (Slaney) instead of height 1
    """
    peaks = peaks_hz.double()[:, None]
    low = peaks[:-2]
    peak = peaks[1:-1]
    high = peaks[2:]
    hz = torch.arange(n_bins, dtype=torch.float64) * bin_hz
    # The lower of two lines, one rising to the peak and one falling from it, is the triangle.
    triangles = torch.minimum(
        (hz - low) / (peak - low), (high - hz) / (high - peak)
    ).clamp_min(0)
    # A triangle that is 2 / width high has area 1.
    if unit_area:
        triangles = triangles * (2 / (high - low))
    return triangles.to(torch.get_default_dtype())


def decibels(values: Tensor, power: float, floor_db: float) -> Tensor:
    """20 / power · log10(values), not below floor_db; 0 dB is 1. `power` is that of the values: 2 for energies."""
    factor = 20 / power
    return factor * values.clamp_min(10 ** (floor_db / factor)).log10()
