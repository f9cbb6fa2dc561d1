"""The commands, as their own --help prints them at 80 columns; the sections of a graph file; fields by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

from mirbricks.augment.base import AUGMENTATIONS
from mirbricks.commands.command_line import command_parser
from mirbricks.commands.graphs.explain_sections import sections
from mirbricks.commands.table import COMMANDS
from mirbricks.features.base import FEATURES

from .markdown import fence, fields, plain, table

ROOMS = {
    "graphs": "Graphs and bricks",
    "models": "Models and runs",
    "corpora": "Corpora",
}


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The page of the commands, that of the settings, and the fields that two written pages include."""
    yield "lookup/commands.md", commands()
    yield "lookup/settings.md", settings()
    yield "front/features.md", configured(FEATURES.all())
    yield "front/augmentations.md", configured(AUGMENTATIONS.all())


def commands() -> str:
    """Every command with its help."""
    with patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}):
        parsers = command_parser().commands
        rooms: dict[str, list[str]] = {room: [] for room in ROOMS}
        for name in COMMANDS:
            room = COMMANDS[name].run.partition(".")[0]
            rooms[room if room in ROOMS else "models"].append(name)
        lines = ["# Commands", ""]
        lines += [
            "Exit codes: 0 fine; 1 something in your input is wrong, and one message "
        ]
        lines += ["says what, where and what next; 2 wrong usage.", ""]
        for room, names in rooms.items():
            lines += [f"## {ROOMS[room]}", ""]
            rows = [
                (f"[`{one}`](#{_anchor(one)})", plain(COMMANDS[one].text))
                for one in names
            ]
            lines += [table(("command", "what it does"), rows)]
            for name in names:
                group, _, word = name.rpartition(" ")
                parser = parsers[group].commands[word] if group else parsers[word]
                lines += [f"({_anchor(name)})=", f"### {name}", ""]
                lines += [fence("text", parser.format_help())]
    return "\n".join(lines)


def _anchor(name: str) -> str:
    return f"command-{name.replace(' ', '-')}"


def settings() -> str:
    """The sections of a graph file that is a whole experiment, each with its settings."""
    lines = ["# Settings of an experiment", ""]
    lines += [
        "The sections `feature:`, `dataset:`, `task:` and `train:` of a graph file.",
        "",
    ]
    lines += [
        "`mirbricks schema` prints all of it as a JSON Schema, which editors read:",
        "",
    ]
    lines += [fence("console", "$ mirbricks schema > graph.schema.json")]
    for name, (heading, text, config) in sections().items():
        lines += [f"## {name}", "", plain(heading[:1].upper() + heading[1:]) + ".", ""]
        lines += [fence("text", text), fields(config)]
    return "\n".join(lines)


def configured(known: Mapping[str, Any]) -> str:
    """What each of some classes is, and the fields of its config."""
    lines = []
    for name in sorted(known):
        summary = str(known[name].__doc__ or "").strip().partition("\n")[0]
        lines += [f"### {name}", "", plain(summary), "", fields(known[name].Config)]
    return "\n".join(lines)
