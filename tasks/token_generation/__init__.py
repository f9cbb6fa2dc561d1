"""Token generation: autoregressive models of a codec's codes."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import TokenGenerationConfig
from .task import TokenGeneration

__all__ = ["TokenGeneration", "TokenGenerationConfig"]
