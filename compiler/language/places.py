"""The values of composed YAML nodes, with the place of every key and value; tags and hidden characters are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ...errors import GraphError, MirbricksError, Where

MAX_VALUES = 50_000
MAX_DEPTH = 64
MAX_DIGITS = 100  # of a number: Python takes minutes for a million of them, or refuses
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
Steps = tuple["str | int", ...]


class Places:
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
        # A value left out, as in `key:`, has no place but its key's.
        written = node.start_mark.index < node.end_mark.index
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
        # Python's own conversions may fail at what YAML's patterns let through, such as the
        # 31st of February.
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
        # Dates and the like are no values of a graph: the user's own words are.
        return str(node.value)

    def fail(self, node: Node, message: str, code: str, help: str) -> None:
        self.errors.append(
            GraphError(message, code=code, where=self.where(node), help=help)
        )
