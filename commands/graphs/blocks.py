"""The command blocks: what is registered."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from shutil import get_terminal_size

from ...registry import blocks as registered
from ...registry import by_family


def blocks(arguments: Namespace) -> int:
    """List the registered blocks by family, a line each; a terminal that is narrower cuts the line."""
    known = registered()
    if arguments.json:
        described = {
            spec.name: {
                "family": spec.family,
                "contract": spec.contract.text,
                "summary": spec.summary,
            }
            for spec in known.values()
        }
        print(json.dumps(described))
        return 0
    longest = max(map(len, known))
    for family, specs in by_family(known.values()).items():
        print(family)
        for spec in specs:
            print(_fitted(f"  {spec.name:<{longest}}  {spec.summary}"))
    return 0


def _fitted(line: str) -> str:
    """A line no longer than the screen."""
    width = get_terminal_size().columns
    if not sys.stdout.isatty() or len(line) <= width:
        return line
    return f"{line[: width - 1]}…"
