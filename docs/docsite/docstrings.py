"""Docstrings as reStructuredText: what a docstring shows in columns stays in columns, and a star is a star."""

from __future__ import annotations

import re
from typing import Any

QUOTED = re.compile(r"(`+[^`]*`+)")
MARKS = re.compile(r"(?<!\\)([*|])")


def prepared(lines: list[str]) -> list[str]:
    """The lines of a docstring so that docutils reads them as they were meant."""
    end = _sections(lines)
    return [*_prose(lines[:end]), *map(_escaped, lines[end:])]


def _sections(lines: list[str]) -> int:
    """Where the first section of numpydoc begins; behind it indentation has a meaning of its own."""
    for i in range(1, len(lines)):
        if re.fullmatch(r"-{3,}", lines[i].strip()):
            return i - 1
    return len(lines)


def _prose(lines: list[str]) -> list[str]:
    """Prose with each indented stretch as a literal block."""
    done: list[str] = []
    is_literal = False
    last = ""
    for line in lines:
        # What is indented below a directive is its content already.
        is_indented = line.startswith("  ") and not last.startswith(".. ")
        if is_indented and not is_literal:
            # A blank line ends the paragraph before, and `::` begins the block.
            done += ["", "::", ""]
        if line.strip() and not is_indented and is_literal:
            done.append("")
        if line.strip():
            is_literal = is_indented
            last = line if not line.startswith("  ") else last
        done.append(line if is_indented else _escaped(line))
    return done


def _escaped(line: str) -> str:
    """A line whose stars and bars outside of code mean themselves."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = QUOTED.split(line)
    return "".join(
        part if i % 2 else MARKS.sub(r"\\\1", part) for i, part in enumerate(parts)
    )


def _process(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    del app, what, name, thing, options  # Sphinx gives them to every listener
    lines[:] = prepared(lines)


def setup(app: Any) -> dict[str, bool]:
    """Listen before napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
