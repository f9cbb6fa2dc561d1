"""The contract test of a block, for the library's own and for yours: `check_block`."""

from __future__ import annotations

from .check import check_block
from .trial import BlockCheckError

__all__ = ["BlockCheckError", "check_block"]
