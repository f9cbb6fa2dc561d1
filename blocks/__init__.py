"""The package's own blocks, a folder a family."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
