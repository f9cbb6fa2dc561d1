"""Frequencies and MIDI numbers: 69 is 440 Hz, and 1 is a semitone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

A4_MIDI = 69.0
A4_HZ = 440.0
SEMITONES = 12.0  # in an octave


def midi_of(hz: ArrayLike) -> NDArray[np.float64]:
    """MIDI numbers, with their fractions, of frequencies above 0 Hz; of the same shape."""
    return np.asarray(
        A4_MIDI + SEMITONES * np.log2(np.asarray(hz, np.float64) / A4_HZ), np.float64
    )


def hz_of(midi: ArrayLike) -> NDArray[np.float64]:
    """Frequencies in Hz of MIDI numbers, of the same shape."""
    octaves = (np.asarray(midi, np.float64) - A4_MIDI) / SEMITONES
    return np.asarray(A4_HZ * 2.0**octaves, np.float64)
