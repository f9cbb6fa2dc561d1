"""Tagging: what is true of a whole recording, one label of several or any number of them."""

from __future__ import annotations

from ..labels import Tags

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import TaggingConfig
from .task import Tagging

__all__ = ["Tagging", "TaggingConfig", "Tags"]
