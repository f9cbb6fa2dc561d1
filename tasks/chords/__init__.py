"""Chord estimation: which of 24 major and minor chords, or none, sounds in each frame."""

from __future__ import annotations

from .config import ChordsConfig
from .prediction import ChordRibbon
from .task import ChordEstimation

__all__ = ["ChordEstimation", "ChordRibbon", "ChordsConfig"]
