"""Hosted corpora: download with resume, checksums, safe unpacking."""

from __future__ import annotations

from . import (
    codes as codes,
)  # the errors of this room can be raised once it is imported
