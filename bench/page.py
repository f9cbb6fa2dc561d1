"""Where the benchmarks write: the part of a Markdown page between two markers."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from ratios import compared


def parser_of(text: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=7, help="runs of each; the median counts"
    )
    parser.add_argument("--write", type=Path, help="the Markdown file to update")
    parser.add_argument(
        "--check",
        type=Path,
        help="the Markdown file whose ratios no ratio may be more than 15 %% worse than",
    )
    return parser


def publish(text: str, arguments: argparse.Namespace, name: str) -> None:
    """Print the text, write it between the markers of `name` where `--write` names a page, and compare for `--check`.

    Exits with 1 where a ratio is worse than the page has it.
    """
    print(text)
    if arguments.write is not None:
        write_part(text, arguments.write, name)
    if arguments.check is not None:
        check_part(text, arguments.check, name)


def write_part(text: str, path: Path, name: str) -> None:
    """Put the text between <!-- name --> and <!-- /name --> in a file."""
    page = path.read_text(encoding="utf-8")
    start, end = _part(page, path, name)
    path.write_text(page[:start] + text + "\n" + page[end:], encoding="utf-8")


def check_part(text: str, path: Path, name: str) -> None:
    """Compare the ratios of a text with those between the markers; exits with 1 where one is worse."""
    page = path.read_text(encoding="utf-8")
    start, end = _part(page, path, name)
    worse, others = compared(page[start:end], text)
    for sentence in others:
        print(sentence, file=sys.stderr)
    for sentence in worse:
        print(f"WORSE {sentence}", file=sys.stderr)
    if worse:
        raise SystemExit(1)


def _part(page: str, path: Path, name: str) -> tuple[int, int]:
    """Where the text between the markers begins and ends."""
    pattern = re.compile(f"(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", re.DOTALL)
    found = pattern.search(page)
    if found is None:
        raise SystemExit(f"{path} has no <!-- {name} --> … <!-- /{name} -->")
    return found.span()
