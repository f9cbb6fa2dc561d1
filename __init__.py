"""mirbricks: deep-learning bricks for audio-based Music Information Retrieval."""

from __future__ import annotations

__version__ = "0.1.0"
