"""Classes of features under their names of version 0.1, which blocks have too: `LogMel` is `LogMelFeature`."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any


def old_names(module: str, *names: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module in which `names` are old: NAME and NAMEConfig have `Feature` in them now."""
    new = {name: f"{name}Feature" for name in names}
    new |= {f"{name}Config": f"{name}FeatureConfig" for name in names}

    def get(name: str) -> Any:
        if name not in new:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        message = f"{module}.{name} is called '{new[name]}' now"
        warnings.warn(message, FutureWarning, stacklevel=2)
        return getattr(importlib.import_module(module), new[name])

    return get
