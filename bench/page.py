"""Where the benchmarks write: the part of a Markdown page between two markers."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def parser_of(text: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=7, help="runs of each; the median counts"
    )
    parser.add_argument("--write", type=Path, help="the Markdown file to update")
    return parser


def publish(text: str, path: Path | None, name: str) -> None:
    """Print the text; if a path is given, put it between <!-- name --> and <!-- /name --> in that file."""
    print(text)
    if path is None:
        return
    page = path.read_text(encoding="utf-8")
    pattern = re.compile(f"(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{path} has no <!-- {name} --> … <!-- /{name} -->")
    path.write_text(pattern.sub(lambda _: text + "\n", page), encoding="utf-8")
