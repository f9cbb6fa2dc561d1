"""Corpora from outside: one importer per layout of files, registered by name. contract.py describes an importer."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .contract import Importer, ImportOptions, Recording, importer
from .destination import Destination, Stored
from .guarded import guarded

__all__ = [
    "Destination",
    "ImportOptions",
    "Importer",
    "Recording",
    "Stored",
    "guarded",
    "importer",
]
