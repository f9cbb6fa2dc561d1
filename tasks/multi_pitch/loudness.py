"""How loud notes are: what a model without velocities has to go by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from ...features.hcqt import HCQTFeatureConfig
from ..reading import Recorded, as_recorded, magnitudes_of
from .prediction import Note
from .targets import bins_of

STRUCK_S = 0.1  # after an onset, in which a note is loudest
SOFTEST = 1e-6  # of the peak, -120 dB: silence has no logarithm


def with_levels(
    notes: Sequence[Note], feature: Recorded | Tensor, config: HCQTFeatureConfig
) -> tuple[Note, ...]:
    """The notes, each with its level: the highest of its key where it was struck, in dB below a tone at fmin_hz that
    reaches the peak of the recording's transform.

    It grows with the velocity of a key, but what else sounds at this pitch counts too. Velocities are judged on any
    scale, see `mirbricks.metrics.velocity_figures`.
    """
    recorded = as_recorded(feature)
    read = magnitudes_of(recorded)
    peak = max(recorded.peak, np.finfo(np.float32).tiny)
    # Of several transforms the one that begins at the pitch itself, or nearest to it.
    own = int(np.argmin([abs(math.log2(harmonic)) for harmonic in config.harmonics]))
    # Periods in a window: its frame is full of a note once half of it has passed since the onset.
    periods = 1.0 / (2.0 ** (1.0 / config.bins_per_octave) - 1.0)
    # A quarter tone to either side: a key that is out of tune, and no neighbour.
    reach = config.bins_per_octave // 24
    found = []
    for note in notes:
        first = min(int(note.onset_s / config.hop_s), recorded.n_frames - 1)
        struck_s = STRUCK_S + periods / (2.0 * note.hz)
        frames = math.ceil(min(struck_s, note.duration_s) / config.hop_s) + 1
        bin_ = round(float(bins_of(np.array(note.midi), config)))
        struck = read(first, min(first + frames, recorded.n_frames))
        near = struck[own, max(bin_ - reach, 0) : bin_ + reach + 1]
        level = float(near.max()) / peak
        # A bin's magnitude grows with the root of its window, which is an octave higher half as long (librosa.cqt's
        # `scale`): 3 dB per octave.
        of_window_db = 10.0 * math.log10(note.hz / config.fmin_hz)
        level_db = 20.0 * math.log10(max(level, SOFTEST)) + of_window_db
        found.append(replace(note, level_db=level_db))
    return tuple(found)
