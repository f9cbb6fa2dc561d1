"""Targets (F, T): where among a feature's bins the pitches of each frame lie."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...features.hcqt import HCQTFeatureConfig
from ...midi_numbers import midi_of

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

REACH = 2.5  # of the Gaussian around a pitch, in standard deviations


def bins_of(midi: Float64, feature: HCQTFeatureConfig) -> Float64:
    """MIDI numbers as fractional bins of harmonic 1."""
    lowest = midi_of(feature.fmin_hz)
    bins: Float64 = (midi - lowest) * (feature.bins_per_octave / 12.0)
    return bins


def draw(
    target: NDArray[np.float32], bins: Float64, frames: Int64, blur_bins: float
) -> None:
    """Draw pitches, at fractional `bins` in `frames`, into `target` (F, T), which holds zeros or other pitches.

    Each is a Gaussian of standard deviation `blur_bins` with height 1 at the fractional bin, up to 2.5 deviations
    away (0: its nearest bin alone); where two meet the higher one holds. A pitch whose nearest bin lies outside
    [0, F) is dropped.
    """
    # Halves go up; np.rint would send them to the
    # even bin, and so differ from pitch to pitch.
    nearest = np.floor(bins + 0.5).astype(np.int64)
    inside = (nearest >= 0) & (nearest < len(target))
    bins = bins[inside]
    nearest = nearest[inside]
    frames = frames[inside]
    if blur_bins == 0.0:
        target[nearest, frames] = 1.0
        return

    # Farther than REACH deviations away a Gaussian is below 0.05, which teaches little.
    reach = math.ceil(REACH * blur_bins)
    rows = nearest[:, None] + np.arange(-reach, reach + 1)
    distance = rows - bins[:, None]
    drawn = (np.abs(distance) <= REACH * blur_bins) & (rows >= 0) & (rows < len(target))
    heights = np.exp(-0.5 * (distance / blur_bins) ** 2).astype(np.float32)
    columns = np.broadcast_to(frames[:, None], rows.shape)
    # Two pitches may reach one bin: `.at` compares
    # with both, plain indexing with the last.
    np.maximum.at(target, (rows[drawn], columns[drawn]), heights[drawn])
