"""Notebooks in MyST text: their cells, and running them as a notebook would."""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import mirbricks as mb

GALLERY = Path(mb.__file__).parent / "docs" / "gallery"
NOTEBOOKS = sorted(GALLERY.glob("*.md"))
NOTEBOOKS = [path for path in NOTEBOOKS if path.stem != "index"]
FENCE = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```$", flags=re.M | re.S)


def cells(path: Path) -> list[str]:
    """The Python of each cell, without the lines of its options."""
    found = []
    for text in FENCE.findall(path.read_text(encoding="utf-8")):
        lines = [line for line in text.splitlines() if not line.startswith(":tags:")]
        found.append("\n".join(lines).strip("\n") + "\n")
    return found


class Shown:
    """What the cells of a notebook displayed."""

    def __init__(self) -> None:
        self.players = 0
        self.pictures = 0

    def add(self, *values: object) -> None:
        """A value as Jupyter shows it: by its drawing, its HTML, or as a matplotlib figure."""
        for value in values:
            svg = getattr(value, "_repr_svg_", lambda: None)()
            html = getattr(value, "_repr_html_", lambda: None)()
            has_picture = bool(svg) or "<img" in str(html)
            self.pictures += has_picture or hasattr(value, "savefig")
            self.players += str(html).count("<audio")
            repr(value)


def run(path: Path) -> Shown:
    """Execute every cell in one module, showing the last expression of each, in the folder that is current."""
    shown = Shown()
    # A module of its own, as a notebook has: what cells define can be pickled there.
    module = types.ModuleType("a_notebook")
    sys.modules["a_notebook"] = module
    vars(module)["display"] = shown.add
    try:
        for number, text in enumerate(cells(path), 1):
            name = f"{path.name}, cell {number}"
            for part in _parts(text):
                code = compile(part, name, "eval" if _is_last(part) else "exec")
                value = eval(code, vars(module))
                if value is not None and not text.rstrip().endswith(";"):
                    shown.add(value)
    finally:
        del sys.modules["a_notebook"]
    return shown


def _is_last(part: ast.AST) -> bool:
    return isinstance(part, ast.Expression)


def _parts(text: str) -> Iterator[ast.Module | ast.Expression]:
    """The statements of a cell, and its last expression, whose value a notebook shows."""
    tree = ast.parse(text)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
        yield tree
        yield ast.Expression(last.value)
    else:
        yield tree
