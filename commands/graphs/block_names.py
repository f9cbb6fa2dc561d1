"""Names that a new block cannot have."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path

from ...compiler.language.words import SKIPS
from ...errors import RegistryError
from ...registry import blocks
from .block_plan import Plan

IMPORTED = ("Block", "BlockConfig", "Config", "Field", "Path", "PositiveInt", "Tensor")


def refuse_name(name: str, module: str, plan: Plan) -> None:
    """Raise E301 for a name that is taken; E307 for one that is not a class's, or whose file cannot be a module."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        message = f"'{name}' is not a name of a class in CapWords"
        raise RegistryError(message, code="E307", help=_proposal(name))
    # A name that is taken would be refused when the file is imported, after the user's work on it.
    known = blocks()
    if name in known:
        cls = known[name].cls
        raise RegistryError(
            f"the name '{name}' is taken by another block",
            code="E301",
            facts=[("registered", f"{cls.__module__}.{cls.__qualname__}")],
            help="choose another name",
        )
    reserved = _reserved(name)
    if reserved:
        message = f"'{name}' is {reserved}"
        raise RegistryError(message, code="E307", help="choose another name")
    problem = _problem_of_module(module, plan)
    if problem:
        message = f"the file {module}.py {problem}"
        hint = f"choose a longer name: {name}Block"
        raise RegistryError(message, code="E307", help=hint)


def _proposal(name: str) -> str:
    """The same words in CapWords, where they make a name."""
    words = re.findall(r"[A-Za-z][A-Za-z0-9]*", name)
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    if len(joined) > 1:
        return f"write {joined}"
    return "write a name such as GatedConv1d"


def _reserved(name: str) -> str | None:
    if name in SKIPS:
        return "a word of the graph language"
    if name in IMPORTED or keyword.iskeyword(name):
        return "a word that the file of a block needs itself"
    return None


def _problem_of_module(module: str, plan: Plan) -> str | None:
    """Why the block's file could not be imported, or another module no longer."""
    # Only a file at the top of a folder shadows a module: below a package it has a longer name.
    at_top = not plan.inside and plan.module == module
    if at_top and (module in sys.stdlib_module_names or _installed(module, plan)):
        return f"would hide the module '{module}'"
    if keyword.iskeyword(module):
        return f"could not be imported: '{module}' is a word of Python"
    return None


def _installed(module: str, plan: Plan) -> bool:
    """Whether another module of that name can be imported; a file at the block's own place is refused elsewhere."""
    spec = importlib.util.find_spec(module)
    return spec is not None and Path(spec.origin or "") != plan.block
