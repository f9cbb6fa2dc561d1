"""Tagging: what is true of a whole recording, one label of several or any number of them."""

from __future__ import annotations

from ..labels import Tags
from .config import TaggingConfig
from .task import Tagging

__all__ = ["Tagging", "TaggingConfig", "Tags"]
