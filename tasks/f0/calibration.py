"""Where a model that has learned without pitches puts a pitch that is known: tones that are made for it.

Riou et al., ISMIR 2023, calibrate by one such tone: an equivariant model is right up to one shift.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ...features.hcqt import HCQTFeature, HCQTFeatureConfig
from ...midi_numbers import hz_of, midi_of
from ..modes import evaluating
from ..reading import as_seen
from .config import F0Config
from .decoding import local_average, scores_of

TONES_MIDI = tuple(range(45, 82, 3))
PARTIALS = 8
TONE_S = 0.6


def calibrated_offset(
    model: nn.Module, config: F0Config, feature: HCQTFeatureConfig
) -> float:
    """By how many bins the model's answers to harmonic tones lie below their pitches, the median."""
    transform = HCQTFeature(feature)
    lowest = float(midi_of(feature.fmin_hz))
    found = []
    with evaluating(model):
        for midi in TONES_MIDI:
            wave = tone(float(hz_of(midi)), feature.sr_hz)
            seen = as_seen(transform(wave[None])[0], feature)
            probabilities = scores_of(model, seen, config).double().softmax(0)
            bins = local_average(probabilities, config.average_bins)
            # The middle, where the windows of low bins are full of the tone.
            middle = float(bins[len(bins) // 2])
            wanted = (midi - lowest) * feature.bins_per_octave / 12.0
            found.append(wanted - middle)
    return float(np.median(found))


def tone(hz: float, sr_hz: int) -> Tensor:
    """(N,) eight harmonics below half the sampling rate, each half as strong as the one before."""
    time_s = torch.arange(round(TONE_S * sr_hz), dtype=torch.float64) / sr_hz
    wave = torch.zeros_like(time_s)
    for harmonic in range(1, PARTIALS + 1):
        if harmonic * hz < 0.45 * sr_hz:
            wave += 0.5**harmonic * torch.sin(2.0 * torch.pi * harmonic * hz * time_s)
    return wave.float()
