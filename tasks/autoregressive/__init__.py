"""What autoregressive tasks share: the base of the task, its settings, what a graph must be, and how is drawn."""

from __future__ import annotations

from .task import (
    Autoregressive,
    AutoregressiveLearner,
    conditioned_tracks,
    sounds_of,
)

__all__ = [
    "Autoregressive",
    "AutoregressiveLearner",
    "conditioned_tracks",
    "sounds_of",
]
