"""Text for a terminal: no name out of a file can act on it, and no encoding of it ends a command."""

from __future__ import annotations

import io
import json
import re
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Any

# Controls, line and paragraph separators, lone surrogates, and marks that turn or hide what stands around them.
_ACTS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Letters, digits, spaces, signs and line ends are most of any text, and never act: these others are looked up.
_ACTING = re.compile(r"[^\n\t -~¡-¬®-ͷ]")
NARROWEST = 20  # characters that are left to a text beside its name, however narrow the terminal is
_OF_A_FILE = re.compile(r" *\d* +\| ")
_NAME_BEFORE = re.compile(r" +(?:help: +|\S+(?: \S+)? {2,})")
_JOINERS = {"\u200c", "\u200d"}  # letters of Persian and Hindi need them, and emoji


def printable(text: object) -> str:
    r"""Return a text with everything that a terminal would obey or hide written as an escape.

    For names that come out of files: keys, labels, file names, nodes. Letters of every script stay as they are.

    Parameters
    ----------
    text : object
        What is to be printed; of anything but a string, its ``str``.

    Returns
    -------
    str
        The same on one line: a newline is ``\n``, an escape code begins with ``\x1b``.

    Examples
    --------
    >>> print(printable("bell\x07, \x1b[31mred, \u202ereversed"))
    bell\x07, \x1b[31mred, \u202ereversed
    >>> print(printable("Dvořák, 四季"))
    Dvořák, 四季
    """
    return "".join(_escaped(character) for character in str(text))


def visible(text: str) -> str:
    """As `printable`, for what has several lines or columns: line ends and tabs stay."""
    return _ACTING.sub(lambda found: _escaped(found[0]), text)


def printable_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON in which letters of every script stay, and what a terminal would obey is written as ``\u001b``.

    Parameters
    ----------
    value : object
        What `json.dumps` takes.
    indent : int, optional
        Spaces of each level; without it all is one line.

    Returns
    -------
    str
        It reads back as the same value.

    Examples
    --------
    >>> print(printable_json({"Dvořák": "\u202ereversed"}))
    {"Dvořák": "\u202ereversed"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # Only within its strings can there be such characters; a line end is written as \n there already.
    return _ACTING.sub(lambda found: _as_json(found[0]), text)


def _as_json(character: str) -> str:
    if unicodedata.category(character) not in _ACTS or character in _JOINERS:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _ACTS or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode("ascii")


def listed(names: Sequence[str], most: int, *, quote: str = "'") -> str:
    """Return the first names, and how many more there are, for a line that must not grow with a corpus.

    Parameters
    ----------
    names : sequence of str
        In the order in which they are to be read.
    most : int
        How many of them are named.
    quote : str
        What stands before and after each name; empty for labels and for words that are not the user's own.

    Returns
    -------
    str
        The names after commas; the empty string where there are none.

    Examples
    --------
    >>> listed(["a.wav", "b.wav", "c.wav", "d.wav"], 2)
    "'a.wav', 'b.wav' and 2 more"
    >>> listed(["dog", "rain"], 2, quote="")
    'dog, rain'
    """
    shown = ", ".join(f"{quote}{name}{quote}" for name in names[:most])
    if len(names) <= most:
        return shown
    return f"{shown} and {len(names) - most} more"


def hanging(line: str, indent: int) -> str:
    """A line as lines that fit the terminal, each but the first behind so many spaces."""
    width = get_terminal_size().columns
    if len(line) <= width:
        return line
    # What stands before the text is a name, whose spaces are a column's and must stay as they are.
    start = line[:indent]
    room = max(width - indent, NARROWEST)
    parts = textwrap.wrap(
        line[indent:], room, break_on_hyphens=False, break_long_words=False
    )
    return start + f"\n{' ' * indent}".join(parts)


def fitting_error(error: object) -> str:
    """A message as lines that fit the terminal; where standard error is none, as it is.

    The lines of the user's file stay whole, as the mark below each of them shows a place in it.
    """
    text = str(error)
    if not sys.stderr.isatty():
        return text
    return "\n".join(
        line if _OF_A_FILE.match(line) else hanging(line, _begin_of(line))
        for line in text.splitlines()
    )


def _begin_of(line: str) -> int:
    """Where the text of a line of a message begins, behind `help:` or the name of a fact."""
    named = _NAME_BEFORE.match(line)
    return named.end() if named else len("  ")


def let_streams_replace() -> None:
    """Let standard output and error write a ? where their encoding lacks a character, instead of raising.

    A choice of the user's own, such as ``PYTHONIOENCODING=ascii:xmlcharrefreplace``, is left as it is.
    """
    for stream in (sys.stdout, sys.stderr):
        # A notebook or a test may have put another kind of stream here.
        if not isinstance(stream, io.TextIOWrapper):
            continue
        unicode = stream.encoding.lower().startswith("utf")
        # surrogateescape writes file names of any bytes to a UTF-8 stream, but no letter that ASCII lacks.
        if stream.errors == "strict" or (
            stream.errors == "surrogateescape" and not unicode
        ):
            stream.reconfigure(errors="replace")
