"""How the code reads: tokens a line, ternaries, tuple assignments, comments; a mirror, and no gate.

    python bench/reading.py              # the package
    python bench/reading.py compiler     # a room of it

docs/decisions/0003-rooms-and-front-door.md has the figures beside those of other codebases.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_THE_PACKAGE = ("tests", "bench", "docs", "examples", "out")
LAYOUT = (
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def counts(text: str) -> Counter[str]:
    """What is counted in one file; docstrings are not code."""
    found: Counter[str] = Counter()
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            found["comments"] += 1
        elif token.type not in LAYOUT and not _is_docstring(token):
            found["tokens"] += 1
            lines.add(token.start[0])
    found["lines"] = len(lines)
    for node in ast.walk(ast.parse(text)):
        found["ternaries"] += isinstance(node, ast.IfExp)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            found["tuples"] += any(isinstance(one, ast.Tuple) for one in node.targets)
    return found


def _is_docstring(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.STRING and "\n" in token.string


def main() -> None:
    """Print the figures of the package, or of the rooms that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rooms", nargs="*", help="folders of the package")
    rooms = parser.parse_args().rooms
    total: Counter[str] = Counter()
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0]
        if (
            room.startswith(".")
            or room in NOT_THE_PACKAGE
            or (rooms and room not in rooms)
        ):
            continue
        total += counts(path.read_text(encoding="utf-8"))
    lines = total["lines"]
    print(f"{lines:,} lines of code")
    print(f"{total['tokens'] / lines:.1f} tokens a line")
    print(f"{1000 * total['ternaries'] / lines:.1f} ternaries per 1000 lines")
    print(f"{1000 * total['tuples'] / lines:.1f} tuple assignments per 1000 lines")
    print(f"{100 * total['comments'] / lines:.1f} comments per 100 lines")


if __name__ == "__main__":
    main()
