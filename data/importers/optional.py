"""Packages that only some importers need."""

from __future__ import annotations

import importlib
from typing import Any

from ...errors import DataError


def optional(module: str, extra: str | None = None, pip: str | None = None) -> Any:
    """Import a package, which comes with `extra`, or by `pip install` and the words `pip`; else by its own name.

    Raises DataError E468 where it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"the package '{module}' is not installed"
        if extra is None:
            help = f"pip install {pip or module}"
        else:
            help = f"pip install 'mirbricks[{extra}]'"
        raise DataError(message, code="E468", help=help) from error
