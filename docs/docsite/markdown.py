"""Words and tables as Markdown of the site."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mirbricks.fields import expected, is_inferred, quoted
from mirbricks.registry import INFER

CODE = re.compile(r"(`[^`]*`)")
SPECIAL = re.compile(r"([\\*_\[\]<>$|#{}])")


def plain(text: str) -> str:
    """A sentence that Markdown shows as it is; what stands in backticks stays code."""
    parts = CODE.split(text)
    # Every other part is code.
    shown = [
        part if i % 2 else SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts)
    ]
    return "".join(shown)


def code(text: str) -> str:
    """A word as code, also in a table."""
    return f"`{text}`".replace("|", "\\|")


def fence(language: str, text: str) -> str:
    """A block of code, whatever it holds."""
    longest = max([2, *map(len, re.findall(r"`+", text))])
    mark = "`" * (longest + 1)
    return f"{mark}{language}\n{text.rstrip()}\n{mark}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a column whose heading begins with `>` has its numbers on the right."""
    aligned = ["---:" if word.startswith(">") else "---" for word in head]
    lines = [_row([word.removeprefix(">") for word in head]), _row(aligned)]
    lines += [_row(cells) for cells in rows]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace(chr(10), ' ') for cell in cells)} |"


def fields(config: type[BaseModel]) -> str:
    """The fields of a config as a table: what each takes, its default, what it means."""
    rows = []
    for name, info in config.model_fields.items():
        takes = plain(expected(info))
        rows.append((code(name), takes, default(info), plain(info.description or "")))
    if not rows:
        return "It has none.\n"
    return table(("field", "takes", "default", "meaning"), rows)


def default(info: FieldInfo) -> str:
    """The default of a field, as a cell."""
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True)
    if is_inferred(info, value, INFER):
        return "inferred"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "its own defaults"
    return code(quoted(value).strip("'"))


def anchor_card(way: str, name: str, text: str, picture: str = "") -> str:
    """A card that is one link: a picture, a name, a sentence."""
    image = ""
    if picture:
        image = (
            f'<span class="shown"><img src="{picture}" alt="" loading="lazy"></span>'
        )
    words = html.escape(text.replace("`", ""))
    return (
        f'<a class="card-link" href="{way}">{image}'
        f"<b>{html.escape(name)}</b><span>{words}</span></a>"
    )


def cards(links: Iterable[str], kind: str = "") -> str:
    """Cards beside one another, as a block of HTML."""
    inside = "\n".join(links)
    return f'<div class="card-links {kind}">\n{inside}\n</div>\n'
