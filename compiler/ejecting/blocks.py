"""A block's code without mirbricks and pydantic: `Block` becomes `nn.Module`, a `BlockConfig` a dataclass.

What is checked when a graph is compiled, the validators and ranges of the fields, is left out: the sizes are known.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Any

import pydantic

from ...registry import Block, BlockConfig, TorchLayer
from .config_classes import as_dataclass, class_line
from .text import CannotCarry, Edit, ModuleText
from .words import with_own_name, word_edits

_MARKS = re.compile(r" *# *(type: ignore|noqa|pragma)[^\n]*")


def plain(module: ModuleText, node: ast.stmt, resolving: Collection[type] = ()) -> str:
    """The text of a top-level definition, made plain; configs that are `resolving` can fill in the sizes of axes."""
    edits: list[Edit] = []
    # Whole classes first: what they change is not looked at for single words again.
    for cls in ast.walk(node):
        if not isinstance(cls, ast.ClassDef):
            continue
        meant = _class_of(module, node, cls)
        if not isinstance(meant, type):
            continue
        if issubclass(meant, Block):
            edits += _block(module, cls, meant)
        elif issubclass(meant, pydantic.BaseModel):
            edits += as_dataclass(module, cls, meant, meant in resolving)
    edits += list(word_edits(module, node, edits))
    text = with_own_name(_MARKS.sub("", module.edited(node, edits)))
    if "self.spec." in text:
        raise CannotCarry("it asks what the registry knows of it")
    return text


def is_torch_layer(cls: type[Block], node: ast.ClassDef, config: BlockConfig) -> bool:
    """Whether a block is nothing but the layer of torch behind it, given the fields of its Config.

    A block that adds to the layer for some values of its fields only has a property `is_torchs` in its Config.
    """
    own = [
        item for item in node.body if not _is_docstring(item) and not _is_config(item)
    ]
    return TorchLayer in cls.__bases__ and (
        not own or getattr(config, "is_torchs", False)
    )


def _is_docstring(item: ast.stmt) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)


def _is_config(item: ast.stmt) -> bool:
    if isinstance(item, ast.Assign):
        return [ast.unparse(target) for target in item.targets] == ["Config"]
    return isinstance(item, ast.ClassDef) and item.name == "Config"


def _class_of(module: ModuleText, top: ast.stmt, node: ast.ClassDef) -> Any:
    """The class itself, of the definition `top` or one directly inside it."""
    if node is top:
        return getattr(module.module, node.name, None)
    if isinstance(top, ast.ClassDef) and node in top.body:
        outer = getattr(module.module, top.name, object)
        return vars(outer).get(node.name)
    return None


def _block(module: ModuleText, node: ast.ClassDef, cls: type[Block]) -> Iterator[Edit]:
    """A block's class: without its registration, derived from torch's classes only."""
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and _is_register(module.value(mark.func)):
            yield (*module.lines(mark), "")
    own = (Block, TorchLayer)
    bases = [base for base in node.bases if module.value(base) not in own]
    named = [module.segment(base) for base in bases]
    yield from class_line(module, node, named or ["nn.Module"])
    if issubclass(cls, TorchLayer):
        yield from _torch_layer(module, node, cls)
    elif not bases:
        # Block's own __init__ may be handed the config; that of nn.Module takes nothing.
        yield from _calls_above(module, node, "")


def _torch_layer(
    module: ModuleText, node: ast.ClassDef, cls: type[TorchLayer]
) -> Iterator[Edit]:
    """What `TorchLayer` does, written out: the layer gets the fields of the config and what is fixed."""
    fixed = "".join(f", {name}={value!r}" for name, value in cls.fixed.items())
    arguments = f"**asdict(config){fixed}"
    yield from _calls_above(module, node, arguments)
    init = _init_of_torch_layer(node, cls, arguments)

    # What is fixed now stands in __init__, which takes its place; without one, the line above goes too.
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and ast.unparse(item.target) == "fixed":
            start, stop = module.lines(item)
            if not init:
                start = len(module.text[:start].rstrip()) + 1
            yield start, stop, init
            return
    head = [item for item in node.body if _is_docstring(item) or _is_config(item)]
    place = module.lines(head[-1])[1]
    if init:
        yield place, place, f"\n{init}"


def _init_of_torch_layer(
    node: ast.ClassDef, cls: type[TorchLayer], arguments: str
) -> str:
    """The text of __init__, where a class has none but is called with a config, as every registered block is."""
    functions = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    has_own = any(function.name == "__init__" for function in functions)
    if has_own or "spec" not in vars(cls):
        return ""
    if "Config" in vars(cls):
        config = "Config"
    else:
        config = "BlockConfig"
    signature = f"    def __init__(self, config: {config}) -> None:"
    return f"{signature}\n        super().__init__({arguments})\n"


def _calls_above(
    module: ModuleText, node: ast.ClassDef, arguments: str
) -> Iterator[Edit]:
    """Every `super().__init__(...)` with other arguments."""
    for item in ast.walk(node):
        if isinstance(item, ast.Call) and ast.unparse(item.func) == "super().__init__":
            yield (*module.span(item), f"super().__init__({arguments})")


def _is_register(meant: Any) -> bool:
    home = getattr(meant, "__module__", None)
    return home == Block.__module__ and getattr(meant, "__name__", None) == "register"
