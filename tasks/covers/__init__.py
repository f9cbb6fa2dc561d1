"""Cover songs: recordings of one work lie near one another in a space of embeddings."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import CoversConfig, ViewsConfig
from .matching import Library
from .prediction import Embedding
from .task import CoverSongs

__all__ = ["CoverSongs", "CoversConfig", "Embedding", "Library", "ViewsConfig"]
