"""The package's own blocks, a family a file. Calling it lists every registered block, as `mirbricks.blocks()` promises:
Python binds that name to this package once a block is loaded.
"""

from __future__ import annotations

import sys
from types import ModuleType

from .. import registry


class _Blocks(ModuleType):
    def __call__(self) -> dict[str, registry.Spec]:
        return registry.blocks()


sys.modules[__name__].__class__ = _Blocks
