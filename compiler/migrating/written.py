"""The lines of a migrated file: every item of the user's file in its place, every comment beside its item."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from .comments import Comment, Commented

INDENT = "  "
# The kinds of items that stand below `layers:`.
LAYERS = ("layer", "left")
NOT_READ = "# Kept from the tutorial's file; mirbricks does not read it:"


@dataclass
class Item:
    """A piece of the dialect's file with the native lines that stand for it, and its comments."""

    start: int
    end: int
    lines: list[str]
    kind: str  # head, layer, left (in a group, not read), section, end
    blank: bool = False  # an empty line stands above it
    before: list[Comment] = field(default_factory=list)
    own: list[Comment] = field(default_factory=list)

    @property
    def verbatim(self) -> bool:
        """Whether its lines are a copy of the user's text, with the comments inside it."""
        return self.kind in ("left", "section")


def share_out(commented: Commented, items: list[Item]) -> list[Comment]:
    """Give every comment to its item; returns those behind the last one."""
    starts = [item.start for item in items]
    rest: list[Comment] = []
    for comment in commented.comments:
        # The last item that begins before the comment; none above the first one.
        i = bisect_right(starts, comment.start) - 1
        item = items[i] if i >= 0 else None
        if item and comment.start < item.end:
            # A copy of the user's text has the comments in it already.
            if not item.verbatim:
                item.own.append(comment)
        elif item and commented.line(comment.start) == commented.line(item.end - 1):
            item.own.append(comment)
        # A comment on lines of its own is about what follows it.
        elif i + 1 < len(items):
            items[i + 1].before.append(comment)
        else:
            rest.append(comment)
    return rest


def written(items: list[Item], rest: list[Comment]) -> Iterator[str]:
    """The lines of the native file, blank lines between them where the user had some."""
    last = ""
    any_section = False
    for item in [*items, Item(0, 0, [], "end", before=rest)]:
        inside = item.kind in LAYERS
        # Sections that became comments must not look like comments about the layers.
        gap = "section" in (item.kind, last) and last not in ("", item.kind)
        for comment in item.before:
            # Behind the last layer an indented comment still belongs to the layers; one at
            # the margin belongs to what follows.
            deep = inside or (last in LAYERS and comment.column > 0)
            if last and (comment.blank or (gap and not deep)):
                yield ""
            yield _indented(comment.text, deep)
            last = last or "comment"
            gap = gap and deep
        lines = _with_comments(item)
        # Once is enough: all sections are kept for the same reason.
        if item.kind == "section" and not any_section:
            lines = [NOT_READ, *lines]
            any_section = True
        if last and lines and (gap or item.blank):
            yield ""
        for line in lines:
            yield _indented(line, inside)
        last = item.kind


def _indented(line: str, deep: bool) -> str:
    if deep:
        return INDENT + line
    return line


def _with_comments(item: Item) -> list[str]:
    """The lines of an item: one comment goes to the end of the last line, several go before."""
    if len(item.own) == 1 and (item.verbatim or not item.own[0].alone):
        return [*item.lines[:-1], f"{item.lines[-1]}  {item.own[0].text}"]
    return [*(comment.text for comment in item.own), *item.lines]
