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

Edit = tuple[
    int, int, str
]  # the characters from, up to, and what stands in their place


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
        begin = len(self._lines[node.lineno - 1].encode()[: node.col_offset].decode())
        end = len(
            self._lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode()
        )
        return self._starts[node.lineno - 1] + begin, self._starts[
            node.end_lineno - 1
        ] + end

    def lines(self, node: Any) -> tuple[int, int]:
        """Where the lines of a statement begin and end, decorators and the comment behind it included."""
        first = min(
            [
                node.lineno,
                *(mark.lineno for mark in getattr(node, "decorator_list", ())),
            ]
        )
        return self._starts[first - 1], self._starts[node.end_lineno]

    def segment(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.text[begin:end]

    def edited(self, node: ast.stmt, edits: Iterable[Edit]) -> str:
        """The lines of a statement with the edits made; an edit inside another one is left out."""
        begin, end = self.lines(node)
        text = ""
        at = begin
        for start, stop, new in sorted(
            set(edits), key=lambda edit: (edit[0], -edit[1])
        ):
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
                for target in (
                    node.targets if isinstance(node, ast.Assign) else [node.target]
                ):
                    found.update(
                        {
                            name.id: node
                            for name in ast.walk(target)
                            if isinstance(name, ast.Name)
                        }
                    )
        return found

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Names that stand for something of another module."""
        found: dict[str, Import] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname:
                        home = alias.name
                    else:
                        home = alias.name.split(".")[0]
                    found[alias.asname or home] = Import(home)
            elif isinstance(node, ast.ImportFrom):
                home = self._home(node)
                found.update(
                    {
                        alias.asname or alias.name: Import(home, alias.name)
                        for alias in node.names
                    }
                )
        return found

    def _home(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = (self.module.__package__ or "").split(".")
        outer = package[: len(package) - node.level + 1]
        return ".".join([*outer, *([node.module] if node.module else [])])


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
    return sorted(
        set(_global_names(symtable.symtable(text, "<block>", "exec"), top=True))
    )


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
    for top in code.tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef) and top.name in names:
            at = code.text.index(top.name, code.span(top)[0])
            edits.append((at, at + len(top.name), names[top.name]))
    for start, stop, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[stop:]
    return text
