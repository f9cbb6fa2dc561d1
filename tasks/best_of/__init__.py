"""The best of several sounds: a classifier of another training chooses the one most like what was asked for."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import BestOfConfig
from .ear import Ear

__all__ = ["BestOfConfig", "Ear"]
