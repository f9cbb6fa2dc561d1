"""The config of a block as a dataclass: its fields, properties and methods; validators and ranges are left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

from ...registry import BlockConfig, from_axis
from ...settings import Settings
from .calls import INDENT, WIDTH
from .text import Edit, ModuleText
from .words import plain_words

DATACLASS = "@dataclass(frozen=True, kw_only=True)"


def as_dataclass(
    module: ModuleText,
    node: ast.ClassDef,
    config: type[pydantic.BaseModel],
    resolving: bool,
) -> Iterator[Edit]:
    """The changes that make the class of a config a dataclass; `resolving`: it can fill in the sizes of axes."""
    yield from _head(module, node, resolving)
    yield from _without_pydantic(module, node, resolving)
    for item in node.body:
        if isinstance(item, ast.AnnAssign):
            yield from _field(module, item, config, resolving)


def class_line(
    module: ModuleText, node: ast.ClassDef, bases: list[str]
) -> Iterator[Edit]:
    """The line `class Name(bases):`; a class without bases stays as it is."""
    if not node.bases:
        return
    begin = module.span(node)[0]
    end = module.span((node.bases + [word.value for word in node.keywords])[-1])[1]
    words = ", ".join(bases + [module.segment(word) for word in node.keywords])
    line = f"class {node.name}"
    if words:
        line = f"{line}({words})"
    yield begin, module.text.index(":", end), line


def _head(module: ModuleText, node: ast.ClassDef, resolving: bool) -> Iterator[Edit]:
    """The decorator and the bases; pydantic's and mirbricks' own are left out."""
    roots: dict[Any, str | None] = {
        pydantic.BaseModel: None,
        Settings: None,
        BlockConfig: None,
    }
    # Only a block that is looked up fills in sizes, which its base knows how to do.
    if resolving:
        roots[BlockConfig] = "BlockConfig"
    named = (roots.get(module.value(base), module.segment(base)) for base in node.bases)
    indent = " " * node.col_offset
    for start, stop, line in class_line(module, node, [name for name in named if name]):
        yield start, stop, f"{DATACLASS}\n{indent}{line}"


def _without_pydantic(
    module: ModuleText, node: ast.ClassDef, resolving: bool
) -> Iterator[Edit]:
    """Leave out what is for pydantic, each item with the empty lines before it."""
    gone = [item for item in node.body if _is_pydantic(module, item, resolving)]
    for item in gone:
        start, stop = module.lines(item)
        start = len(module.text[:start].rstrip()) + 1
        # A class of which nothing is left needs a statement.
        if gone == node.body and item is gone[0]:
            left = f"{' ' * node.col_offset}{INDENT}pass\n"
        else:
            left = ""
        yield start, stop, left


def _is_pydantic(module: ModuleText, item: ast.stmt, resolving: bool) -> bool:
    """Whether an item of a config is for pydantic, or for the compiler such as `resolve`."""
    if isinstance(item, ast.FunctionDef):
        if item.name in vars(BlockConfig):
            return not (resolving and item.name == "resolve")
        return any(_is_of_pydantic(module, mark) for mark in item.decorator_list)
    if isinstance(item, ast.AnnAssign):
        return ast.unparse(item.target) == "renamed"
    if isinstance(item, ast.Assign):
        return [ast.unparse(target) for target in item.targets] == ["model_config"]
    return False


def _is_of_pydantic(module: ModuleText, decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        function = decorator.func
    else:
        function = decorator
    home = getattr(module.value(function), "__module__", None) or ""
    return bool(home.startswith("pydantic"))


def _field(
    module: ModuleText,
    item: ast.AnnAssign,
    config: type[pydantic.BaseModel],
    resolving: bool,
) -> Iterator[Edit]:
    """A field as a dataclass writes it; one with a plain default stays as it is."""
    value = item.value
    if isinstance(item.target, ast.Name) and isinstance(value, ast.Call):
        info = config.model_fields.get(item.target.id)
        if info and module.value(value.func) in (pydantic.Field, from_axis):
            line = _line(module, item, value, info, resolving)
            yield (*module.lines(item), line)
    elif isinstance(value, ast.List | ast.Dict):
        # A dataclass refuses it as a default: all objects would share the one.
        yield (*module.span(value), _fresh(module.segment(value)))


def _line(
    module: ModuleText,
    node: ast.AnnAssign,
    call: ast.Call,
    info: FieldInfo,
    resolving: bool,
) -> str:
    """A field's line: its type and default, its description as a comment."""
    indent = " " * node.col_offset
    annotation = plain_words(module, node.annotation)
    line = f"{indent}{module.segment(node.target)}: {annotation}"
    if module.value(call.func) is from_axis and resolving:
        assert isinstance(info.json_schema_extra, dict)
        axis = info.json_schema_extra["from_axis"]
        line += f' = field(default=-1, metadata={{"axis": "{axis}"}})'
    elif module.value(call.func) is pydantic.Field and not info.is_required():
        line += f" = {_default(module, call, info)}"
    description = " ".join((info.description or "").split())
    if not description:
        return f"{line}\n"
    if len(line) + len(description) + 4 > WIDTH:
        return f"{indent}# {description}\n{line}\n"
    return f"{line}  # {description}\n"


def _default(module: ModuleText, call: ast.Call, info: FieldInfo) -> str:
    named = {word.arg: word.value for word in call.keywords}
    # The user's own text comes first: `repr` would write 1e-5 as 1e-05.
    given = call.args[0] if call.args else named.get("default")
    if given:
        default = module.segment(given)
    else:
        default = repr(info.get_default(call_default_factory=True))
    if default[0] in "[{":
        return _fresh(default)
    return default


def _fresh(default: str) -> str:
    """The default of a thing that can be changed: a new one each time."""
    made = {"{}": "dict", "[]": "list"}.get(default, f"lambda: {default}")
    return f"field(default_factory={made})"
