"""Lines that fit the terminal, as the listing commands print them."""

from __future__ import annotations

import sys
import textwrap
from shutil import get_terminal_size

NARROWEST = 20  # characters that are left to a text beside its name, however narrow the terminal is


def wrapped(line: str, indent: int) -> str:
    """A line as lines that fit the terminal; in a pipe, where programs read it, it stays whole.

    Parameters
    ----------
    line : str
        Without a line break.
    indent : int
        Spaces before every line but the first, so that a text hangs below its own beginning.
    """
    width = get_terminal_size().columns
    if not sys.stdout.isatty() or len(line) <= width:
        return line
    # What stands before the text is a name, whose spaces are a column's and must stay as they are.
    start = line[:indent]
    room = max(width - indent, NARROWEST)
    parts = textwrap.wrap(
        line[indent:], room, break_on_hyphens=False, break_long_words=False
    )
    return start + f"\n{' ' * indent}".join(parts)


def wrapped_text(text: str) -> str:
    """The lines of a text, each on lines that fit the terminal and begin where it begins itself."""
    return "\n".join(
        wrapped(line, len(line) - len(line.lstrip())) for line in text.splitlines()
    )
