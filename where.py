"""Places in text files, and what could be written there instead."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .spelling import Suggestion

LONGEST_LINE = 160  # characters of a line of source that a message repeats
# What can stand in YAML as it is, without quotes.
_PLAIN = re.compile(r"[A-Za-z_][\w.+-]*")


def on_one_line(text: str) -> str:
    """The text with its line breaks written as in Python, for names that hold some."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


@dataclass(frozen=True)
class Where:
    """A place in a text file.

    Parameters
    ----------
    file : str
        The path as the user gave it.
    line, column : int
        Both count from 1.
    length : int
        How many characters are marked.
    text : str
        The whole line; left out, no excerpt is shown.
    """

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{on_one_line(self.file)}:{self.line}:{self.column}"

    def excerpt(self) -> list[str]:
        """The line of source, and below it a row of carets under the marked characters."""
        if not self.text:
            return []
        text, begin = self._around_the_column()
        marks = max(1, min(self.length, len(text) - begin))
        number = f"{self.line:>5}"
        margin = " " * len(number)
        return [f"{number} | {text}", f"{margin} | {' ' * begin}{'^' * marks}"]

    def _around_the_column(self) -> tuple[str, int]:
        """The line, or of a long one a part with dots where it was cut; and where the marks begin in it."""
        begin = self.column - 1
        if len(self.text) <= LONGEST_LINE:
            return self.text, begin
        last_cut = len(self.text) - LONGEST_LINE
        cut = max(0, min(begin - LONGEST_LINE // 3, last_cut))
        shown = self.text[cut : cut + LONGEST_LINE]
        if cut < last_cut:
            shown += "…"
        if cut:
            return f"…{shown}", begin - cut + 1
        return shown, begin


@dataclass(frozen=True)
class Edit:
    """A change of a text that would mend a mistake, for the button of an editor.

    Parameters
    ----------
    where : Where
        The characters to be replaced: `length` of them from `column` on, in one line.
    text : str
        What is written there instead.
    label : str
        What the change does, in a few words.
    """

    where: Where
    text: str
    label: str

    def apply(self, text: str) -> str:
        """The whole text of the file with the change made."""
        lines = text.splitlines(keepends=True)
        line = lines[self.where.line - 1]
        begin = self.where.column - 1
        end = begin + self.where.length
        lines[self.where.line - 1] = line[:begin] + self.text + line[end:]
        return "".join(lines)


def edit_at(where: Where, word: str, text: str, label: str) -> Edit | None:
    """The change of `word` to `text` at a place; None where the word does not stand there as it is."""
    marked = where.text[: where.column - 1 + where.length]
    at = marked.find(word, where.column - 1)
    if not word or at < 0:
        return None
    # A word of which more letters go on is another word.
    after = where.text[at + len(word) : at + len(word) + 1]
    if after.isalnum() or after == "_":
        return None
    return Edit(replace(where, column=at + 1, length=len(word)), text, label)


def edits_for(where: Where | None, help: str | None) -> tuple[Edit, ...]:
    """The changes that a did-you-mean proposes, the likeliest first."""
    if where is None or not isinstance(help, Suggestion):
        return ()
    found = [
        edit_at(where, help.word, name, f"change to {name}")
        for name in help.names
        if _PLAIN.fullmatch(name)
    ]
    return tuple(edit for edit in found if edit is not None)
