"""Faces of packages: the documented names of a folder, loaded when they are first used (PEP 562).

    # data/__init__.py
    from typing import TYPE_CHECKING

    from ..lazy import face

    if TYPE_CHECKING:                        # for type checkers and editors, which run nothing
        from .corpus import Corpus as Corpus

    __getattr__, __dir__, __all__ = face(__name__, {"Corpus": "corpus"})

`import mirbricks.data` then loads nothing; `mirbricks.data.Corpus` imports `mirbricks.data.corpus`. tests/test_lazy.py
holds the two lists of every face to one another.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

GetAttr = Callable[[str], Any]
Dir = Callable[[], list[str]]


def face(
    package: str, homes: Mapping[str, str], *, also: tuple[str, ...] = ()
) -> tuple[GetAttr, Dir, list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package whose names are loaded on first use.

    Parameters
    ----------
    package : str
        The package's `__name__`.
    homes : mapping of str to str
        For each name the module below the package that holds it: `{"Corpus": "corpus"}`, or
        `{"Pyjama": "pyjama.file"}` for a module further down.
    also : tuple of str
        Names that the package defines itself and that belong to its face.

    Returns
    -------
    tuple
        The functions `__getattr__` and `__dir__`, and the sorted list `__all__`.

    Raises
    ------
    ValueError
        If a name is that of a module in `homes`: once the module is imported, Python gives the name to the module,
        and what users get would depend on what was imported before.

    Examples
    --------
    >>> _, names, _ = face("mirbricks", {"Block": "registry"}, also=("__version__",))
    >>> names()
    ['Block', '__version__']
    """
    modules = {home.split(".")[0] for home in homes.values()}
    clashes = sorted(modules & homes.keys())
    if clashes:
        raise ValueError(f"'{clashes[0]}' is a module and a name of '{package}'")
    names = sorted([*homes, *also])

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module = importlib.import_module(f"{package}.{homes[name]}")
        value = getattr(module, name)
        # Kept in the package, so that the next use of the name finds it without this function.
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return list(names)

    return load, listed, names
