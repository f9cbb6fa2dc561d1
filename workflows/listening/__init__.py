"""Listening tests: a page that people rate sounds on, and what their ratings say."""

from __future__ import annotations

# The errors of this room can be raised once it is imported.
from . import codes as codes
