"""Monophonic pitch: whether something sounds in each frame of one voice, and how high."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import F0Config
from .following import F0Frames
from .prediction import Melody
from .streaming import F0Stream
from .task import F0Estimation

__all__ = ["F0Config", "F0Estimation", "F0Frames", "F0Stream", "Melody"]
