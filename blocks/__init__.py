"""The package's own blocks, a folder a family."""

from __future__ import annotations

from . import (
    codes as codes,
)  # the errors of this room can be raised once it is imported
