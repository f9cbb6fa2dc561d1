"""Every comment of a YAML text, and where its values begin and end: what rewriting a file without a loss needs."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamStartEvent,
)

from ..language.source import Steps

_BREAK = re.compile("[\n\x85\u2028\u2029]")
_FRAME = (StreamStartEvent, DocumentStartEvent)
_COMMENT = re.compile("#[^\n\x85\u2028\u2029]*")


@dataclass(frozen=True)
class Spot:
    """Where a value stands: characters `start` to `end` of the text, `key` where its key begins.

    A value that an alias (`*name`) stands for has the alias's place, and no children.
    """

    start: int
    end: int
    key: int
    children: dict[str | int, Spot] = field(default_factory=dict, repr=False)

    def at(self, steps: Steps) -> Spot:
        """The spot these steps lead to; that of the alias where they lead through one."""
        spot = self
        for step in steps:
            if step not in spot.children:
                break
            spot = spot.children[step]
        return spot


@dataclass(frozen=True)
class Comment:
    """A comment with its `#`; `alone` on its line, `blank` where the line above is empty."""

    start: int
    text: str
    alone: bool
    blank: bool
    column: int


class Commented:
    """A YAML text that `read_text` has accepted: its comments in order, and `root`, the spots of its values."""

    def __init__(self, text: str) -> None:
        self.text = (
            text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        )
        self._lines = [0, *(found.end() for found in _BREAK.finditer(self.text))]
        self._scalars: list[tuple[int, int]] = []
        yaml: Any = YAML(typ="safe", pure=True)
        # Events and not values: only they have the places where a value ends.
        events = (
            event
            for event in yaml.parse(io.StringIO(self.text))
            if not isinstance(event, _FRAME)
        )
        self.root = self._spot(next(events), events)
        self.comments = tuple(self._comments())

    def line(self, index: int) -> int:
        """The number of the line, from 0, on which a character stands."""
        return bisect_right(self._lines, index) - 1

    def column(self, index: int) -> int:
        """From 0."""
        return index - self._lines[self.line(index)]

    def blank_above(self, index: int) -> bool:
        """Whether the line above that of a character is empty."""
        line = self.line(index)
        return (
            line > 0
            and not self.text[self._lines[line - 1] : self._lines[line]].strip()
        )

    def _spot(self, event: Any, events: Iterator[Any], key: int | None = None) -> Spot:
        start = event.start_mark.index
        end = event.end_mark.index
        if key is None:
            key = start
        if isinstance(event, ScalarEvent):
            end = start + len(self.text[start:end].rstrip())
            # A `#` inside a value is not a comment. Behind the sign of a block value, on
            # the same line, a comment may stand: its text begins on the next line.
            begin = start
            if event.style in ("|", ">"):
                begin = self._lines[min(self.line(start) + 1, len(self._lines) - 1)]
            self._scalars.append((begin, end))
        if not isinstance(event, MappingStartEvent | SequenceStartEvent):
            return Spot(start, end, key)
        children: dict[str | int, Spot] = {}
        for child in iter(lambda: next(events), None):
            # The end of a block mapping is where the next token was found, which may be many
            # comments later: it ends with its last child.
            if not isinstance(child, NodeEvent):
                if event.flow_style:
                    end = child.end_mark.index
                else:
                    end = max((s.end for s in children.values()), default=end)
                break
            if isinstance(event, MappingStartEvent):
                at = self._spot(child, events)
                if isinstance(child, ScalarEvent):
                    word = child.value
                else:
                    word = ""
                children[word] = self._spot(next(events), events, at.start)
            else:
                children[len(children)] = self._spot(child, events)
        return Spot(start, end, key, children)

    def _comments(self) -> Iterator[Comment]:
        # The reader of YAML drops comments, so they are looked for in the text, outside of
        # the values.
        scalars = sorted(self._scalars)
        at = 0
        while found := _COMMENT.search(self.text, at):
            i = bisect_right(scalars, (found.start(), len(self.text))) - 1
            if i >= 0 and found.start() < scalars[i][1]:
                at = scalars[i][1]
                continue
            at = found.end()
            column = self.column(found.start())
            alone = not self.text[found.start() - column : found.start()].strip()
            yield Comment(
                found.start(),
                found[0].rstrip(),
                alone,
                self.blank_above(found.start()),
                column,
            )
