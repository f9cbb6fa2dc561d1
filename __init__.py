"""mirbricks: deep-learning bricks for audio-based Music Information Retrieval.

    import mirbricks as mb

    model = mb.compile_graph("unet.yaml")          # an ordinary torch.nn.Module
    mb.check_block("Conv2d")                       # the contract test of a block

Names are loaded on first use, so that `import mirbricks` costs nothing before torch is needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .compiler.compile import compile_graph as compile_graph
    from .compiler.compile import load_graph as load_graph
    from .compiler.feature_extract import feature_extract as feature_extract
    from .errors import MirbricksError as MirbricksError
    from .registry import Block as Block
    from .registry import BlockConfig as BlockConfig
    from .registry import blocks as blocks
    from .registry import from_axis as from_axis
    from .registry import load_plugin as load_plugin
    from .registry import register as register
    from .testing import check_block as check_block


_HOMES = {
    "compile_graph": "compiler.compile",
    "load_graph": "compiler.compile",
    "feature_extract": "compiler.feature_extract",
    "MirbricksError": "errors",
    "Block": "registry",
    "BlockConfig": "registry",
    "blocks": "registry",
    "from_axis": "registry",
    "load_plugin": "registry",
    "register": "registry",
    "check_block": "testing",
}
__all__ = ["__version__", *_HOMES]  # names are resolved by __getattr__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
