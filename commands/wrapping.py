"""Lines that fit the terminal, as the listing commands print them."""

from __future__ import annotations

import sys

from ..printable import hanging

FULL = 108  # characters from which on a line of a docstring is full, whose margin is 120 with its indent


def wrapped(line: str, indent: int) -> str:
    """A line as lines that fit the terminal; in a pipe, where programs read it, it stays whole.

    Parameters
    ----------
    line : str
        Without a line break.
    indent : int
        Spaces before every line but the first, so that a text hangs below its own beginning.
    """
    if not sys.stdout.isatty():
        return line
    return hanging(line, indent)


def wrapped_text(text: str) -> str:
    """A text on lines that fit the terminal; in a pipe it stays as it is.

    A sentence that was broken because a line of the source was full is put together first: else every other line
    would be a short rest.
    """
    if not sys.stdout.isatty():
        return text
    return "\n".join(wrapped(line, indent) for line, indent in _unbroken(text))


def _unbroken(text: str) -> list[tuple[str, int]]:
    """The lines as they were before they were broken, each with the indent of what hangs below its beginning."""
    found: list[tuple[str, int]] = []
    length = 0  # of the last line as it stands in the text
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if found and line.strip():
            before, _ = found[-1]
            # A line was broken where the next word had no room; a shorter one ends by intention.
            was_full = length + 1 + len(line.split()[0]) > FULL
            if was_full and indent >= len(before) - len(before.lstrip()):
                found[-1] = (f"{before} {line.strip()}", indent)
                length = len(line)
                continue
        found.append((line, indent))
        length = len(line)
    return found
