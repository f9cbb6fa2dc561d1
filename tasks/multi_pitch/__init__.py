"""Multi-pitch estimation: which pitches sound in each frame of polyphonic music."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import MultiPitchConfig
from .following import PitchFrames
from .prediction import Note, Transcription
from .task import MultiPitch

__all__ = ["MultiPitch", "MultiPitchConfig", "Note", "PitchFrames", "Transcription"]
