"""Packages that only some importers need."""

from __future__ import annotations

import importlib
from typing import Any

from ...errors import DataError


def optional(module: str) -> Any:
    """Import a package of that name. Raises DataError E468 where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"the package '{module}' is not installed"
        raise DataError(message, code="E468", help=f"pip install {module}") from error
