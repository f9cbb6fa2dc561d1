"""Chord estimation: which of 24 major and minor chords, or none, sounds in each frame."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import ChordsConfig
from .prediction import ChordRibbon
from .task import ChordEstimation

__all__ = ["ChordEstimation", "ChordRibbon", "ChordsConfig"]
