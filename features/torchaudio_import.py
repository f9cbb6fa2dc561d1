"""The one place that imports torchaudio.

Its last wheels are built for one version of CUDA and check for it at import: beside a CPU-only torch that is an
OSError, beside a newer CUDA a RuntimeError. The Python part (transforms, functional) needs no extension, so on failure
we import it again with the module `torchaudio._extension` replaced by one that says there is none. Call this before
importing any package that imports torchaudio itself (encodec).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def import_torchaudio() -> Any:
    """The module torchaudio, with or without its compiled extension."""
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError):
        # A failed import leaves parts of the package
        # behind, which a second import would reuse.
        for name in [
            name for name in sys.modules if name.partition(".")[0] == "torchaudio"
        ]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _no_extension()
        return importlib.import_module("torchaudio")


def _no_extension() -> ModuleType:
    def fail_if_no_align(function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ARG001
        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError(
                "torchaudio's forced alignment needs its compiled extension, which this torch cannot load"
            )

        return fail

    module = ModuleType("torchaudio._extension")
    module.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=fail_if_no_align,
    )
    return module
