"""A page per error code, and the index of all, by room."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

from mirbricks.errors import codes

from .markdown import code, fence, plain, table
from .staging import DOCS, ROOT

ALSO = ("**/*.md",)
ROOM_NAMES = {
    "compiler": "Graphs: the file, its names, its sizes",
    "blocks": "Blocks",
    "testing": "The contract of a block",
    "data": "Corpora",
    "features": "Features",
    "augment": "Augmentation",
    "losses": "Losses",
    "tasks": "Tasks",
    "training": "Training",
    "runs": "Runs",
    "workflows": "Workflows",
    "outputs": "Files of predictions",
    "": "Everywhere",
}
MESSAGE = re.compile(r"^```\w*\n((?:(?!```).*\n)*?.*\[([A-Z]+\d+)\]\n)", re.M)


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index and the pages."""
    known = codes()
    rooms = rooms_of_codes()
    shown = messages()
    for name, text in known.items():
        yield f"errors/{name}.md", page(name, text, shown.get(name))
    groups: dict[str, list[str]] = {}
    for name in known:
        groups.setdefault(rooms.get(name, ""), []).append(name)
    lines = [
        "# Errors",
        "",
        "Every message ends in a code. `mirbricks explain E203` prints what these pages say.",
        "",
    ]
    for room in sorted(groups, key=lambda one: groups[one][0]):
        rows = [(f"[{one}]({one}.md)", plain(known[one])) for one in groups[room]]
        lines += [f"## {ROOM_NAMES.get(room, room)}", "", table(("code", "why"), rows)]
    yield "errors/index.md", "\n".join(lines)


def page(name: str, text: str, message: str | None) -> str:
    """The page of one code."""
    lines = [
        "---",
        "orphan: true",
        "---",
        "",
        f"# {name}",
        "",
        "[Errors](index.md)",
        "",
    ]
    lines += [plain(text), ""]
    if message:
        lines += ["## How it reads", "", fence("text", message)]
    lines += [
        "## On the command line",
        "",
        fence("console", f"$ mirbricks explain {name}"),
    ]
    lines += [
        "## In Python",
        "",
        f"`except mb.MirbricksError as error:` and `error.code == {code(name)[1:-1]!r}`.",
        "",
    ]
    return "\n".join(lines)


def rooms_of_codes() -> dict[str, str]:
    """The room of each code: the folder whose `codes.py` has it."""
    found = {}
    for path in sorted(ROOT.rglob("codes.py")):
        place = path.relative_to(ROOT).with_suffix("")
        if any(
            part.startswith((".", "_")) or part in ("docs", "tests")
            for part in place.parts
        ):
            continue
        module = importlib.import_module(".".join(["mirbricks", *place.parts]))
        for name in getattr(module, "CODES", {}):
            found[name] = place.parts[0]
    return found


def messages() -> dict[str, str]:
    """A whole message with each code that a page or the README shows; the tests see that it comes so."""
    found: dict[str, str] = {}
    for path in [ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))]:
        if "_build" in path.parts or "decisions" in path.parts:
            continue
        for text, name in MESSAGE.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, text)
    return found
