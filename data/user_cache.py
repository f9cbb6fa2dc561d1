"""The folder of what can be computed or fetched again: features, models of an address, examples."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(given: str | None = None) -> Path:
    """--cache, else MIRBRICKS_CACHE, else the user's cache folder."""
    # The folder that the XDG specification gives to caches, which may be deleted any time.
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given or os.environ.get("MIRBRICKS_CACHE") or base / "mirbricks")
