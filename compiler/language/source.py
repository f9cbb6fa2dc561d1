"""YAML text to plain values, with the place of every key and value kept beside them.

`Source.data` is plain Python (dict, list, str, int, float, bool, None). The place of ``data["layers"][2]["Conv2d"]``
is ``source.value(("layers", 2, "Conv2d"))``, that of its key ``source.key(...)``. Nothing in a file is executed:
tags are refused, and size, depth and the number of values (aliases expanded) are bounded.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ...errors import GraphError, MirbricksError, Where, did_you_mean, raise_all
from ...zoo import graphs

MAX_BYTES = 250_000
MAX_VALUES = 50_000
MAX_DEPTH = 64
MAX_DIGITS = 100  # of a number: Python takes minutes for a million of them, or refuses
NO_ESCAPE = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in [
        "map",
        "seq",
        "str",
        "int",
        "float",
        "bool",
        "null",
        "timestamp",
        "merge",
        "value",
    ]
}
PLAIN_WORDS = {  # what ruamel.yaml says, and what it means
    "expected <block end>": "this line does not line up with the list or the mapping above it",
    "found character '\\t'": "a tab stands in the indentation",
    "mapping values are not allowed here": "a second `key:` on one line, or a line that does not line up",
    "could not find expected ':'": "a key without a colon",
    "found unexpected end of stream": "a quotation mark that is never closed",
    "but found another document": "a second document; a graph file has one",
}

KNOWN_LATE = (
    "found unexpected end",
    "could not find expected ':'",
)  # wrong where it began, seen only later

Steps = tuple["str | int", ...]


@dataclass(frozen=True)
class Source:
    """The values of a YAML file and their places; `text` is the file as it was read."""

    file: str
    data: Any
    keys: Mapping[Steps, Where] = field(default_factory=dict, repr=False)
    values: Mapping[Steps, Where] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)

    def key(self, steps: Steps) -> Where:
        """Place of a key; of the value where there is no key (an item of a list)."""
        return self.keys.get(steps) or self.value(steps)

    def value(self, steps: Steps) -> Where:
        """Place of a value; of the nearest thing around it where the value itself is not in the file."""
        while steps and steps not in self.values:
            steps = steps[:-1]
        return self.values.get(steps) or Where(self.file, 1, 1)

    def whole(self) -> Where:
        """The file itself, for what is missing in it."""
        return Where(self.file, 1, 1)

    def part(self, steps: Steps, text: str) -> Where:
        """Place of `text` inside the value at `steps`; of the whole value where it does not stand there as it is."""
        whole = self.value(steps)
        at = whole.text.find(text, whole.column - 1)
        if at >= 0:
            return replace(whole, column=at + 1, length=len(text))
        return whole


def read_file(path: str | Path) -> Source:
    """Read a YAML file; raises `GraphError` where it is missing, too large, no text or no YAML."""
    path = Path(path)
    where = Where(str(path), 1, 1)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            text = raw.decode("utf-8")
        else:
            text = None
    except OSError as error:
        message = f"'{path}' cannot be read: {error.strerror}"
        near = did_you_mean(str(path), graphs())
        help = near or "give the path of a graph file, or the name of a shipped one"
        raise GraphError(message, code="E101", help=help) from None
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text: byte {error.start} cannot be decoded"
        raise GraphError(
            message, code="E101", where=where, help="save the file as UTF-8"
        ) from None
    if text is None:
        message = f"larger than {MAX_BYTES:,} bytes: this is not a graph file"
        raise GraphError(message, code="E103", where=where, help="give a graph file")
    return read_text(text, str(path))


def read_dict(values: Mapping[str, Any], name: str = "<dict>") -> Source:
    """A dict as if it had been written in a file; its places are those in the YAML text it makes."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    try:
        yaml.dump(_plain(values), stream)
    except YAMLError as error:
        message = f"the graph holds a value that YAML has no form for: {str(error).splitlines()[0]}"
        raise GraphError(
            message,
            code="E101",
            help="use dicts, lists, strings, numbers, true and false",
        ) from None
    return read_text(stream.getvalue(), name)


def _plain(value: Any) -> Any:
    """Mappings, lists and tuples of any kind as dict and list."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def read_text(text: str, file: str) -> Source:
    """Values and places of one YAML document; raises `GraphError`."""
    lines = text.splitlines()
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = (
        False  # a later anchor of the same name holds from there on
    )
    _refuse_deep(text, file, lines)
    try:
        root = yaml.compose(io.StringIO(text))
    except MarkedYAMLError as error:
        raise _syntax_error(error, file, lines) from None
    except (ReaderError, ValueError, OverflowError) as error:
        raise _no_character(error, text, file) from None
    except RecursionError:
        message = f"nested deeper than {MAX_DEPTH}: this is not a graph"
        raise GraphError(
            message,
            code="E103",
            where=Where(file, 1, 1),
            help="remove the aliases or nesting",
        ) from None
    except YAMLError as error:
        message = f"not YAML: {str(error).splitlines()[0]}"
        raise GraphError(
            message,
            code="E102",
            where=Where(file, 1, 1),
            help="save the file as plain YAML",
        ) from None
    reader = _Reader(file, lines, yaml)
    if root is not None:
        data = reader.read(root, (), 0)
    else:
        data = None
    raise_all(reader.errors)
    return Source(file, data, reader.keys, reader.values, text)


def _deep_at(text: str) -> int | None:
    """Where brackets may be too deep: a rough count, with those in comments and strings."""
    depth = 0
    for at, character in enumerate(text, 1):
        depth += (character in "[{") - (character in "]}")
        if depth > 2 * MAX_DEPTH:
            return at
    return None


def _refuse_deep(text: str, file: str, lines: list[str]) -> None:
    """Brackets thousands deep keep the composer busy for seconds; they are found here, as soon as they are too deep."""
    end = _deep_at(text)
    if end is None:
        return
    depth = 0
    with contextlib.suppress(
        YAMLError, ValueError, OverflowError
    ):  # the text ends in the middle: told where it counts
        for event in YAML(typ="safe", pure=True).parse(io.StringIO(text[:end])):
            depth += isinstance(event, CollectionStartEvent) - isinstance(
                event, CollectionEndEvent
            )
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


def _no_character(error: Exception, text: str, file: str) -> GraphError:
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


def _syntax_error(error: MarkedYAMLError, file: str, lines: list[str]) -> GraphError:
    problem = str(error.problem or error.context)
    words = next(
        (plain for begin, plain in PLAIN_WORDS.items() if problem.startswith(begin)),
        problem,
    )
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark
    if (
        begun
        and mark
        and begun.line < mark.line
        and str(error.context).startswith("while parsing a flow")
    ):
        words = f"a `{lines[begun.line][begun.column]}` that is never closed"
        mark = begun
    elif begun and problem.startswith(KNOWN_LATE):
        mark = begun
    if mark:
        line = mark.line
        column = mark.column
    else:
        line = 0
        column = 0
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


class _Reader:
    """Walks the YAML nodes once: values, places and errors."""

    def __init__(self, file: str, lines: list[str], yaml: YAML) -> None:
        self.file = file
        self.lines = lines
        self.construct = yaml.constructor.construct_object
        self.keys: dict[Steps, Where] = {}
        self.values: dict[Steps, Where] = {}
        self.errors: list[MirbricksError] = []
        self.count = 0

    def where(self, node: Node) -> Where:
        start = node.start_mark
        end = node.end_mark
        if start.line < len(self.lines):
            text = self.lines[start.line]
        else:
            text = ""
        if end.line == start.line:
            length = end.column - start.column
        else:
            length = len(text.rstrip()) - start.column
        return Where(self.file, start.line + 1, start.column + 1, max(1, length), text)

    def read(self, node: Node, steps: Steps, depth: int) -> Any:
        self.count += 1
        written = (
            node.start_mark.index < node.end_mark.index
        )  # a value left out has no place but its key's
        if written or steps not in self.keys:
            self.values[steps] = self.where(node)
        else:
            self.values[steps] = self.keys[steps]
        if self.count > MAX_VALUES or depth > MAX_DEPTH:
            if self.count > MAX_VALUES:
                what = f"more than {MAX_VALUES:,} values"
            else:
                what = f"nested deeper than {MAX_DEPTH}"
            message = f"{what}: this is not a graph"
            raise GraphError(
                message,
                code="E103",
                where=self.where(node),
                help="remove the aliases or nesting",
            )
        if str(node.tag) not in TAGS:
            self.fail(
                node,
                "a YAML tag: graph files hold plain values only",
                "E102",
                "remove the word with the `!`",
            )
            return None
        if isinstance(node, MappingNode):
            return {
                key: self.read(value, (*steps, key), depth + 1)
                for key, value in self.pairs(node, steps)
            }
        if isinstance(node, SequenceNode):
            return [
                self.read(item, (*steps, i), depth + 1)
                for i, item in enumerate(node.value)
            ]
        return self.scalar(node)

    def pairs(self, node: MappingNode, steps: Steps) -> Iterator[tuple[str, Node]]:
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode):
                key = self.key(key_node)
            else:
                key = None
            place = (*steps, key or "")
            if str(key_node.tag).endswith(":merge"):
                self.fail(
                    key_node,
                    "YAML's merge key `<<` is not taken",
                    "E104",
                    "write the keys out",
                )
            elif not isinstance(key, str):
                self.fail(
                    key_node, "a key must be a word", "E104", "write `key: value`"
                )
            elif place in self.keys:
                message = (
                    f"duplicate key '{key}' (first on line {self.keys[place].line})"
                )
                self.fail(key_node, message, "E104", "keep one of them")
            else:
                self.keys[place] = self.where(key_node)
                yield key, value_node

    def key(self, node: ScalarNode) -> Any:
        if str(node.tag) not in TAGS or str(node.tag).endswith(":merge"):
            return None
        return self.scalar(node)

    def scalar(self, node: Node) -> Any:
        if len(node.value) > MAX_DIGITS and str(node.tag).endswith((":int", ":float")):
            message = f"a number of {len(node.value):,} characters"
            self.fail(
                node, message, "E106", f"use numbers of up to {MAX_DIGITS} digits"
            )
            return None
        try:
            value = self.construct(node)
        except (YAMLError, ValueError) as error:
            message = f"the value cannot be read: {str(error).splitlines()[0]}"
            self.fail(node, message, "E102", "write a number, a word or a list")
            return None
        if isinstance(value, str):
            unseen = UNSEEN.search(value)
        else:
            unseen = None
        if unseen:
            message = f"the text holds the character U+{ord(unseen[0]):04X}, which cannot be seen and may hide others"
            self.fail(node, message, "E102", "take it out")
        if value is None or isinstance(value, str | bool | int | float):
            return value
        return str(node.value)  # dates and the like: the user's own words

    def fail(self, node: Node, message: str, code: str, help: str) -> None:
        self.errors.append(
            GraphError(message, code=code, where=self.where(node), help=help)
        )
