"""What the YAML reader does not take, in the user's words and at the user's place."""

from __future__ import annotations

import contextlib
import io
import re

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.reader import ReaderError

from ...errors import GraphError, Where
from .places import MAX_DEPTH

NO_ESCAPE = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")
# What ruamel.yaml says, and what it means.
PLAIN_WORDS = {
    "expected <block end>": "this line does not line up with the list or the mapping above it",
    "found character '\\t'": "a tab stands in the indentation",
    "mapping values are not allowed here": "a second `key:` on one line, or a line that does not line up",
    "could not find expected ':'": "a key without a colon",
    "found unexpected end of stream": "a quotation mark that is never closed",
    "but found another document": "a second document; a graph file has one",
}

# Wrong where it began, and seen only later.
KNOWN_LATE = (
    "found unexpected end",
    "could not find expected ':'",
)


def _deep_at(text: str) -> int | None:
    """Where brackets may be too deep: a rough count, with those in comments and strings."""
    depth = 0
    for at, character in enumerate(text, 1):
        depth += (character in "[{") - (character in "]}")
        if depth > 2 * MAX_DEPTH:
            return at
    return None


def refuse_deep(text: str, file: str, lines: list[str]) -> None:
    """Brackets thousands deep keep the composer busy for seconds; they are found here, as soon as they are too deep."""
    end = _deep_at(text)
    if end is None:
        return
    # The rough count was only a reason to look: events do not count brackets in strings.
    # The text is cut off, so it may end in a mistake, which is not the user's.
    depth = 0
    with contextlib.suppress(YAMLError, ValueError, OverflowError):
        for event in YAML(typ="safe", pure=True).parse(io.StringIO(text[:end])):
            if isinstance(event, CollectionStartEvent):
                depth += 1
            elif isinstance(event, CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                where = Where(file, mark.line + 1, mark.column + 1, 1, lines[mark.line])
                message = f"nested deeper than {MAX_DEPTH}: this is not a graph"
                raise GraphError(
                    message,
                    code="E103",
                    where=where,
                    help="remove the aliases or nesting",
                )


def no_character(error: Exception, text: str, file: str) -> GraphError:
    """A character that no text file has, or an escape such as "\\U99999999" that means none."""
    if isinstance(error, ReaderError):
        escape = None
    else:
        escape = NO_ESCAPE.search(text)
    if escape:
        at = escape.start()
        length = 10
    else:
        at = getattr(error, "position", 0)
        length = 1
    before = text.rfind("\n", 0, at) + 1
    where = Where(
        file,
        text.count("\n", 0, at) + 1,
        at - before + 1,
        length,
        text[before:].partition("\n")[0],
    )
    if escape:
        what = f"'{escape[0]}' means no character"
    else:
        what = f"the character U+{ord(text[at]):04X} cannot stand here"
    return GraphError(
        f"not YAML: {what}",
        code="E102",
        where=where,
        help="take it out; save the file as plain text",
    )


def syntax_error(error: MarkedYAMLError, file: str, lines: list[str]) -> GraphError:
    problem = str(error.problem or error.context)
    words = next(
        (plain for begin, plain in PLAIN_WORDS.items() if problem.startswith(begin)),
        problem,
    )
    # A bracket or quotation mark that is never closed is noticed lines later, at what
    # is right there: the user must look where it was opened.
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark
    in_flow = str(error.context).startswith("while parsing a flow")
    if begun and mark and begun.line < mark.line and in_flow:
        words = f"a `{lines[begun.line][begun.column]}` that is never closed"
        mark = begun
    elif begun and problem.startswith(KNOWN_LATE):
        mark = begun
    line = 0
    column = 0
    if mark:
        line = mark.line
        column = mark.column
    # The end of the text is one line behind the last.
    line = min(line, max(len(lines) - 1, 0))
    if lines:
        text = lines[line]
    else:
        text = ""
    tab = "\t" in text
    if tab:
        hint = "indent with spaces: YAML takes no tabs"
    else:
        hint = "check indentation, colons and brackets up to here"
    where = Where(file, line + 1, column + 1, 1, text)
    return GraphError(f"not YAML: {words}", code="E102", where=where, help=hint)
