"""The text of a Python module, cut and changed at the places of its syntax tree, so that comments and layout stay."""

from __future__ import annotations

import ast
import importlib
import inspect
import symtable
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any

# The characters from, up to, and what stands in their place.
Edit = tuple[int, int, str]


class CannotCarry(Exception):
    """What a block uses cannot be written into a file without mirbricks; the text says what and why."""


@dataclass(frozen=True)
class Import:
    """A name that a module imports: `original` of the module `home`, or `home` itself where `original` is empty."""

    home: str
    original: str = ""

    @property
    def package(self) -> str:
        return self.home.split(".")[0]


class Code:
    """A piece of Python with its syntax tree."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self._lines:
            starts.append(starts[-1] + len(line))
        return starts

    def span(self, node: Any) -> tuple[int, int]:
        """Where a node begins and ends; ast counts columns in bytes of UTF-8."""
        begin = self._index(node.lineno, node.col_offset)
        end = self._index(node.end_lineno, node.end_col_offset)
        return begin, end

    def _index(self, line: int, n_bytes: int) -> int:
        before = self._lines[line - 1].encode()[:n_bytes].decode()
        return self._starts[line - 1] + len(before)

    def lines(self, node: Any) -> tuple[int, int]:
        """Where the lines of a statement begin and end, decorators and the comment behind it included."""
        # For ast a decorated class begins at the word `class`.
        marks = getattr(node, "decorator_list", ())
        first = min([node.lineno, *(mark.lineno for mark in marks)])
        return self._starts[first - 1], self._starts[node.end_lineno]

    def segment(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.text[begin:end]

    def edited(self, node: ast.stmt, edits: Iterable[Edit]) -> str:
        """The lines of a statement with the edits made; an edit inside another one is left out."""
        begin, end = self.lines(node)
        # Of two edits that begin at one place the wider comes first, and what lies inside
        # it is passed over: its new text was written with the inner one in mind.
        in_order = sorted(set(edits), key=lambda edit: (edit[0], -edit[1]))
        text = ""
        at = begin
        for start, stop, new in in_order:
            if start >= at:
                text = text + self.text[at:start] + new
                at = stop
        return (text + self.text[at:end]).rstrip()


class ModuleText(Code):
    """The source of an imported module."""

    def __init__(self, module: ModuleType, text: str) -> None:
        super().__init__(text)
        self.module = module

    def value(self, node: ast.AST) -> Any:
        """What a name or a dotted name means at the top level of the module; None where that is not known."""
        if isinstance(node, ast.Name):
            return getattr(self.module, node.id, None)
        if isinstance(node, ast.Attribute):
            return getattr(self.value(node.value), node.attr, None)
        return None

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Functions, classes and constants by name; several constants of one statement have the same one."""
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                found |= dict.fromkeys(_assigned(node), node)
        return found

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Names that stand for something of another module."""
        found: dict[str, Import] = {}
        # Everywhere, and not at the top level only: blocks import late what is slow to load.
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    # `import a.b` binds `a`, `import a.b as c` binds a.b itself.
                    if alias.asname:
                        home = alias.name
                    else:
                        home = alias.name.split(".")[0]
                    found[alias.asname or home] = Import(home)
            elif isinstance(node, ast.ImportFrom):
                home = self._home(node)
                for alias in node.names:
                    found[alias.asname or alias.name] = Import(home, alias.name)
        return found

    def _home(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = (self.module.__package__ or "").split(".")
        # One dot is the package itself, each further one the package around it.
        outer = package[: len(package) - node.level + 1]
        if node.module:
            outer.append(node.module)
        return ".".join(outer)


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """The names that a statement gives values to, those inside of tuples too."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    else:
        targets = [node.target]
    for target in targets:
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                yield name.id


@cache
def module_text(name: str) -> ModuleText:
    """The source of a module by its name; raises `CannotCarry` where there is none."""
    module = sys.modules.get(name) or importlib.import_module(name)
    try:
        return ModuleText(module, inspect.getsource(module))
    except (OSError, TypeError):
        raise CannotCarry(f"there is no source of the module '{name}'") from None


def global_names(text: str) -> list[str]:
    """Names in a piece of code that are bound outside of its functions, in annotations too, sorted."""
    # Python's own tables know what is local, in comprehensions and nested functions too.
    table = symtable.symtable(text, "<block>", "exec")
    return sorted(set(_global_names(table, top=True)))


def _global_names(table: symtable.SymbolTable, top: bool = False) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _global_names(child)


def renamed(text: str, names: dict[str, str]) -> str:
    """A piece of code in which global names are others."""
    names = {old: new for old, new in names.items() if old != new}
    if not names:
        return text
    code = Code(text)
    edits: list[Edit] = []
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Name) and node.id in names:
            edits.append((*code.span(node), names[node.id]))
    # The name in a `def` or `class` is no node of the tree: it is looked up in the text.
    for top in code.tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef) and top.name in names:
            at = code.text.index(top.name, code.span(top)[0])
            edits.append((at, at + len(top.name), names[top.name]))
    # From the last to the first, so that the places of the others stay true.
    for start, stop, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[stop:]
    return text
