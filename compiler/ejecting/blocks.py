"""A block's code without mirbricks and pydantic: `Block` becomes `nn.Module`, a `BlockConfig` a dataclass.

What is checked when a graph is compiled, the validators and ranges of the fields, is left out: the sizes are known.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any

import pydantic
from pydantic.fields import FieldInfo

from ...errors import MirbricksError
from ...registry import Block, BlockConfig, from_axis
from ...settings import Settings
from .text import CannotCarry, Edit, ModuleText

DATACLASS = "@dataclass(frozen=True, kw_only=True)"
NUMBERS = {
    **{
        f"{sign}Int": "int"
        for sign in ("Positive", "NonNegative", "Negative", "NonPositive", "Strict")
    },
    **{
        f"{sign}Float": "float"
        for sign in (
            "Positive",
            "NonNegative",
            "Negative",
            "NonPositive",
            "Strict",
            "Finite",
        )
    },
}
WIDTH = 88
_MARKS = re.compile(r" *# *(type: ignore|noqa|pragma)[^\n]*")
_OWN_NAME = re.compile(r"\bself\.spec\.name\b")


def plain(module: ModuleText, node: ast.stmt, resolving: Collection[type] = ()) -> str:
    """The text of a top-level definition, made plain; configs that are `resolving` can fill in the sizes of axes."""
    edits: list[Edit] = []
    for cls in (item for item in ast.walk(node) if isinstance(item, ast.ClassDef)):
        meant = _class_of(module, node, cls)
        if isinstance(meant, type) and issubclass(meant, Block):
            edits += _block(module, cls)
        elif isinstance(meant, type) and issubclass(meant, pydantic.BaseModel):
            edits += _config(module, cls, meant, meant in resolving)
    edits += list(_edits(module, node, edits))
    text = _OWN_NAME.sub(
        "type(self).__name__", _MARKS.sub("", module.edited(node, edits))
    )
    if "self.spec." in text:
        raise CannotCarry("it asks what the registry knows of it")
    return text


def is_torch_layer(node: ast.ClassDef) -> bool:
    """Whether a block is nothing but the torch module that it is derived from, given the fields of its Config."""
    own = [
        item for item in node.body if not _is_docstring(item) and not _is_config(item)
    ]
    if (
        len(own) != 1
        or not isinstance(own[0], ast.FunctionDef)
        or own[0].name != "__init__"
    ):
        return False
    return [ast.unparse(item) for item in own[0].body] == [
        "super().__init__(**config.model_dump())"
    ]


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


def _edits(
    module: ModuleText, top: ast.AST, done: Sequence[Edit] = ()
) -> Iterator[Edit]:
    """What changes anywhere in a definition but in what is `done`: names and methods of pydantic and mirbricks."""
    for node in ast.walk(top):
        if isinstance(node, ast.expr) and any(
            begin <= module.span(node)[0] < end for begin, end, _ in done
        ):
            continue
        if isinstance(node, ast.Name | ast.Attribute):
            meant = module.value(node)
            if isinstance(node, ast.Name):
                name = node.id
            else:
                name = node.attr
            if meant is Block:
                yield (*module.span(node), "nn.Module")
            elif name in NUMBERS and meant is getattr(pydantic, name):
                yield (*module.span(node), NUMBERS[name])
        elif isinstance(node, ast.Subscript) and module.value(node.value) is Annotated:
            assert isinstance(node.slice, ast.Tuple)
            kept = module.segment(node.slice.elts[0])
            yield (*module.span(node), NUMBERS.get(kept, kept))
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in (
            "dict",
            "list",
            "tuple",
        ):
            for word in ast.walk(node.slice):
                if isinstance(word, ast.Constant) and isinstance(
                    word.value, str
                ):  # a type in quotes
                    yield (*module.span(word), word.value)
        elif isinstance(node, ast.Call) and _is_error(module.value(node.func)):
            yield from _plain_error(module, node)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr.startswith("model_")
        ):
            yield (*module.span(node), _without_pydantic(module, node, node.func))


def _is_error(meant: Any) -> bool:
    return isinstance(meant, type) and issubclass(meant, MirbricksError)


def _plain_error(module: ModuleText, call: ast.Call) -> Iterator[Edit]:
    """An error of mirbricks as one of Python's, with the message alone."""
    if not call.args:
        raise CannotCarry(
            f"it raises '{ast.unparse(call)}', whose message cannot be told"
        )
    yield (*module.span(call.func), "ValueError")
    yield module.span(call.args[0])[1], module.span(call)[1] - 1, ""


def _without_pydantic(
    module: ModuleText, call: ast.Call, function: ast.Attribute
) -> str:
    """A call of a pydantic method as one that a dataclass allows."""
    of = module.segment(function.value)
    words = {word.arg: module.segment(word.value) for word in call.keywords}
    some = set(words) <= {"include"} or set(words) <= {"exclude"}
    if function.attr == "model_dump" and not call.args and some:
        if not words:
            return f"asdict({of})"
        if "include" in words:
            kept = f"in {words['include']}"
        else:
            kept = f"not in {words['exclude']}"
        return _on_lines(
            module,
            call,
            [
                "name: value",
                f"for name, value in asdict({of}).items()",
                f"if name {kept}",
            ],
        )
    if function.attr == "model_copy" and not call.args and set(words) == {"update"}:
        return f"replace({of}, **{words['update']})"
    if function.attr == "model_validate" and len(call.args) == 1 and not words:
        return f"{of}(**{module.segment(call.args[0])})"
    raise CannotCarry(
        f"it calls '{ast.unparse(call)}', which a plain dataclass does not have"
    )


def _on_lines(module: ModuleText, node: ast.expr, parts: list[str]) -> str:
    """A comprehension in the place of a node, on one line if it fits there."""
    before = module.text[: module.span(node)[0]].rpartition("\n")[2]
    line = f"{{{' '.join(parts)}}}"
    if len(before) + len(line) <= WIDTH:
        return line
    indent = " " * (len(before) - len(before.lstrip()))
    return "\n".join(["{", *(f"{indent}    {part}" for part in parts), f"{indent}}}"])


def _block(module: ModuleText, node: ast.ClassDef) -> Iterator[Edit]:
    """A block's class: without its registration, derived from torch's classes only."""
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and _is_of_mirbricks(
            module.value(mark.func), "register"
        ):
            yield (*module.lines(mark), "")
    bases = [base for base in node.bases if module.value(base) is not Block]
    yield from _bases(
        module, node, [module.segment(base) for base in bases] or ["nn.Module"]
    )
    if bases:
        return
    for item in ast.walk(node):  # nn.Module takes no config
        if isinstance(item, ast.Call) and ast.unparse(item.func) == "super().__init__":
            yield (*module.span(item), "super().__init__()")


def _is_of_mirbricks(meant: Any, name: str) -> bool:
    return (
        getattr(meant, "__module__", None) == Block.__module__
        and getattr(meant, "__name__", None) == name
    )


def _bases(module: ModuleText, node: ast.ClassDef, bases: list[str]) -> Iterator[Edit]:
    """The line `class Name(bases):`."""
    if node.bases:
        begin = module.span(node)[0]
        end = module.span((node.bases + [word.value for word in node.keywords])[-1])[1]
        words = ", ".join(bases + [module.segment(word) for word in node.keywords])
        yield (
            begin,
            module.text.index(":", end),
            f"class {node.name}({words})" if words else f"class {node.name}",
        )


def _config(
    module: ModuleText,
    node: ast.ClassDef,
    config: type[pydantic.BaseModel],
    resolving: bool,
) -> Iterator[Edit]:
    """A config's class: a dataclass with its fields, properties and methods; validators are left out."""
    indent = " " * node.col_offset
    roots: dict[Any, str | None] = {
        pydantic.BaseModel: None,
        Settings: None,
        BlockConfig: "BlockConfig" if resolving else None,
    }
    named = (roots.get(module.value(base), module.segment(base)) for base in node.bases)
    bases = [base for base in named if base]
    for start, stop, header in _bases(module, node, bases):
        yield start, stop, f"{DATACLASS}\n{indent}{header}"
    gone = [item for item in node.body if _is_pydantic(module, item, resolving)]
    for item in gone:
        start, stop = module.lines(item)
        start = len(module.text[:start].rstrip()) + 1
        yield (
            start,
            stop,
            f"{indent}    pass\n" if gone == node.body and item is gone[0] else "",
        )
    for item in node.body:
        if isinstance(item, ast.AnnAssign):
            call = item.value
        else:
            call = None
        if (
            isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and isinstance(call, ast.Call)
        ):
            info = config.model_fields.get(item.target.id)
            if info and module.value(call.func) in (pydantic.Field, from_axis):
                yield (*module.lines(item), _field(module, item, call, info, resolving))
        elif isinstance(item, ast.AnnAssign) and isinstance(
            item.value, ast.List | ast.Dict
        ):  # no default of a dataclass
            yield (*module.span(item.value), _fresh(module.segment(item.value)))


def _is_pydantic(module: ModuleText, item: ast.stmt, resolving: bool) -> bool:
    """Whether an item of a config is for pydantic, or for the compiler such as `resolve`."""
    if isinstance(item, ast.FunctionDef):
        if item.name in vars(BlockConfig):
            return not (resolving and item.name == "resolve")
        functions = [
            mark.func if isinstance(mark, ast.Call) else mark
            for mark in item.decorator_list
        ]
        return any(
            (getattr(module.value(one), "__module__", None) or "").startswith(
                "pydantic"
            )
            for one in functions
        )
    if isinstance(item, ast.AnnAssign):
        return ast.unparse(item.target) == "renamed"
    return isinstance(item, ast.Assign) and [
        ast.unparse(target) for target in item.targets
    ] == ["model_config"]


def _field(
    module: ModuleText,
    node: ast.AnnAssign,
    call: ast.Call,
    info: FieldInfo,
    resolving: bool,
) -> str:
    """A field's line: its type and default, its description as a comment."""
    named = {word.arg: word.value for word in call.keywords}
    given = call.args[0] if call.args else named.get("default")
    annotation = _plain_words(module, node.annotation)
    line = f"{' ' * node.col_offset}{module.segment(node.target)}: {annotation}"
    if module.value(call.func) is from_axis and resolving:
        assert isinstance(info.json_schema_extra, dict)
        line += f' = field(default=-1, metadata={{"axis": "{info.json_schema_extra["from_axis"]}"}})'
    elif module.value(call.func) is pydantic.Field and not info.is_required():
        if given:
            default = module.segment(given)
        else:
            default = repr(info.get_default(call_default_factory=True))
        line += f" = {_fresh(default) if default[0] in '[{' else default}"
    said = " ".join((info.description or "").split())
    if len(line) + len(said) + 4 > WIDTH:
        return f"{' ' * node.col_offset}# {said}\n{line}\n"
    return f"{line}  # {said}\n" if said else f"{line}\n"


def _fresh(default: str) -> str:
    """The default of a thing that can be changed: made anew each time."""
    made = {"{}": "dict", "[]": "list"}.get(default, f"lambda: {default}")
    return f"field(default_factory={made})"


def _plain_words(module: ModuleText, node: ast.expr) -> str:
    begin = module.span(node)[0]
    text = module.segment(node)
    inside = [
        (start - begin, stop - begin, new) for start, stop, new in _edits(module, node)
    ]
    for start, stop, new in sorted(inside, reverse=True):
        text = text[:start] + new + text[stop:]
    return text
