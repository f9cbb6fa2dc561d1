"""Pages as their tests read them: commands on one line each, and what they print in lines of 80 columns.

A page breaks a command with ` \\`, as a shell takes it. What a command prints stays whole in a pipe, for programs;
the page shows it broken at words, as a terminal of 80 columns has it.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import mirbricks as mb

DOCS = Path(mb.__file__).parent / "docs"
WIDTH = 80
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
BROKEN = re.compile(r" \\\n +")
COMMAND = re.compile(r"^\$ mirbricks (.*)\n((?:(?!\$ ).*\n)*)", re.M)
# What stands before a text, which hangs below its own beginning: a name and two spaces, or a key of a listing.
LEAD = re.compile(r"( *)(\S{1,12} {2,})?")


def page(place: str) -> str:
    """The text of a page of docs/, with each command on one line."""
    text = (DOCS / place).read_text(encoding="utf-8")
    return BROKEN.sub(" ", text)


def fences(place: str) -> list[tuple[str, str]]:
    """The language and the text of every block of code, in the order of the page."""
    return FENCE.findall(page(place))


def commands(text: str) -> list[tuple[str, str]]:
    """What follows `mirbricks` in each command of a block, and what the block shows below it."""
    return COMMAND.findall(text)


def as_shown(printed: str) -> str:
    """What a command printed, as a page shows it."""
    lines = [one for line in printed.splitlines() for one in _lines(line)]
    return "".join(f"{line}\n" for line in lines)


def _lines(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    lead = LEAD.match(line)
    assert lead
    indent = len(lead[0]) if lead[2] else len(lead[1]) + 2
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
