"""The words of pydantic and mirbricks anywhere in a block's code, as words that Python and torch know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin

from ...errors import MirbricksError
from ...registry import Block
from .calls import INDENT, WIDTH, Call, lines
from .text import CannotCarry, Edit, ModuleText

CONTAINERS = ("dict", "list", "tuple")
_OWN_NAME = re.compile(r"\bself\.spec\.name\b")
_STRING_ASSIGNED = re.compile(r'( *)(\w+) = (f?".*")')


def word_edits(
    module: ModuleText, top: ast.AST, done: Sequence[Edit] = ()
) -> Iterator[Edit]:
    """What changes anywhere in a definition except in what is `done`: names and methods of pydantic and mirbricks."""
    for node in ast.walk(top):
        if not isinstance(node, ast.expr):
            continue
        at = module.span(node)[0]
        if not any(begin <= at < end for begin, end, _ in done):
            yield from _edits(module, node)


def plain_words(module: ModuleText, node: ast.expr) -> str:
    """The text of an expression with these changes."""
    begin = module.span(node)[0]
    text = module.segment(node)
    # From the last to the first, so that the places of the others stay true.
    for start, stop, new in sorted(word_edits(module, node), reverse=True):
        text = text[: start - begin] + new + text[stop - begin :]
    return text


def with_own_name(text: str) -> str:
    """`self.spec.name`, which only the registry fills in, as the name of the class; long lines are wrapped."""
    return "\n".join(_line_with_own_name(line) for line in text.split("\n"))


def _line_with_own_name(line: str) -> str:
    longer = _OWN_NAME.sub("type(self).__name__", line)
    assigned = _STRING_ASSIGNED.fullmatch(longer)
    if longer == line or len(longer) <= WIDTH or not assigned:
        return longer
    indent, name, value = assigned.groups()
    inner = f"{indent}{INDENT}{value}"
    # A string that fits on no line stays where it is, as formatters leave it.
    if len(inner) > WIDTH:
        return longer
    return f"{indent}{name} = (\n{inner}\n{indent})"


def _edits(module: ModuleText, node: ast.expr) -> Iterator[Edit]:
    if isinstance(node, ast.Name | ast.Attribute):
        yield from _name(module, node)
    elif isinstance(node, ast.Subscript):
        yield from _subscript(module, node)
    elif isinstance(node, ast.Call):
        yield from _call(module, node)


def _name(module: ModuleText, node: ast.Name | ast.Attribute) -> Iterator[Edit]:
    meant = module.value(node)
    if meant is Block:
        yield (*module.span(node), "nn.Module")
    elif number := _number(meant):
        yield (*module.span(node), number)


def _number(meant: Any) -> str | None:
    """`int` for PositiveInt and every other name of an integer with limits, `float` likewise."""
    if get_origin(meant) is not Annotated:
        return None
    kind = get_args(meant)[0]
    if kind in (int, float):
        return str(kind.__name__)
    return None


def _subscript(module: ModuleText, node: ast.Subscript) -> Iterator[Edit]:
    """A type: without the limits that pydantic holds, and without the quotes around a type inside it."""
    if module.value(node.value) is Annotated:
        assert isinstance(node.slice, ast.Tuple)
        first = node.slice.elts[0]
        kept = _number(module.value(first)) or module.segment(first)
        yield (*module.span(node), kept)
    elif ast.unparse(node.value) in CONTAINERS:
        for word in ast.walk(node.slice):
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                yield (*module.span(word), word.value)


def _call(module: ModuleText, call: ast.Call) -> Iterator[Edit]:
    meant = module.value(call.func)
    function = call.func
    if isinstance(meant, type) and issubclass(meant, MirbricksError):
        yield (*module.span(call), _plain_error(module, call))
    elif isinstance(function, ast.Attribute) and function.attr.startswith("model_"):
        yield (*module.span(call), _without_pydantic(module, call, function))


def _plain_error(module: ModuleText, call: ast.Call) -> str:
    """An error of mirbricks as one of Python's, with the message alone."""
    if not call.args:
        problem = f"it raises '{ast.unparse(call)}', whose message cannot be read"
        raise CannotCarry(problem)
    message = with_own_name(plain_words(module, call.args[0]))
    if "\n" not in message:
        before, indent = _before(module, call)
        whole = f"ValueError({message})"
        if len(before) + len(whole) <= WIDTH:
            return whole
        return f"ValueError(\n{indent}{INDENT}{message}\n{indent})"
    begin, end = module.span(call.args[0])
    opening = module.text[module.span(call.func)[1] : begin]
    closing = module.text[end : module.span(call)[1]]
    # A message of several lines keeps its place; a bracket on a line of its own does too.
    tail = ")"
    if "\n" in closing:
        tail = closing[closing.rindex("\n") :]
    return f"ValueError{opening}{message}{tail}"


def _without_pydantic(
    module: ModuleText, call: ast.Call, function: ast.Attribute
) -> str:
    """A call of a pydantic method as one that a dataclass allows."""
    of = module.segment(function.value)
    words = {word.arg: word.value for word in call.keywords}
    if function.attr == "model_dump" and not call.args:
        if not words:
            return f"asdict({of})"
        if len(words) == 1 and {"include", "exclude"} & words.keys():
            return _some_fields(module, call, of)
    if function.attr == "model_copy" and not call.args and set(words) == {"update"}:
        return f"replace({of}, **{module.segment(words['update'])})"
    if function.attr == "model_validate" and len(call.args) == 1 and not words:
        return f"{of}(**{module.segment(call.args[0])})"
    problem = f"it calls '{ast.unparse(call)}', which a plain dataclass does not have"
    raise CannotCarry(problem)


def _some_fields(module: ModuleText, call: ast.Call, of: str) -> str:
    """`model_dump` of some fields as a comprehension, broken over lines where it is long."""
    [word] = call.keywords
    kept = "in" if word.arg == "include" else "not in"
    names = _names(module, word.value)
    pairs = ["name: value", f"for name, value in asdict({of}).items()"]
    whole = " ".join([*pairs, f"if name {kept} {names}"])
    before, indent = _before(module, call)
    inner = f"{indent}{INDENT}"
    # On one line, else on one of its own, else broken at its clauses, as formatters do.
    if len(before) + len(whole) + 2 <= WIDTH:
        return f"{{{whole}}}"
    if len(inner) + len(whole) <= WIDTH:
        return f"{{\n{inner}{whole}\n{indent}}}"
    condition = [f"{inner}if name {kept} {names}"]
    if len(condition[0]) > WIDTH and isinstance(names, Call):
        condition = [f"{inner}if name", *lines(f"{inner}{kept} ", names)]
    parts = [*(f"{inner}{pair}" for pair in pairs), *condition]
    return "\n".join(["{", *parts, f"{indent}}}"])


def _names(module: ModuleText, node: ast.expr) -> Call | str:
    """The names of fields: a set in a form that can be broken over lines, or another expression."""
    if isinstance(node, ast.Set):
        return Call("", tuple(map(module.segment, node.elts)), "{}")
    return module.segment(node)


def _before(module: ModuleText, node: ast.expr) -> tuple[str, str]:
    """What is before a node on its line, and the indent of the line."""
    before = module.text[: module.span(node)[0]].rpartition("\n")[2]
    return before, " " * (len(before) - len(before.lstrip()))
