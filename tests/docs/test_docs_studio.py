"""docs/studio.md: its Python runs and prints what the page shows; its commands are ones that the parser takes."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import mirbricks as mb
from mirbricks.commands.command_line import command_parser

PAGE = Path(mb.__file__).parent / "docs" / "studio.md"
FENCES = re.findall(
    r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S
)


def test_the_example_is_executed_and_prints_what_is_shown() -> None:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for language, text in FENCES:
            if language == "python":
                exec(text, {})
    assert [shown.getvalue()] == [text for kind, text in FENCES if kind == "text"]


def test_the_commands_are_ones_that_the_parser_takes() -> None:
    commands = [
        line.removeprefix("mirbricks ")
        for language, text in FENCES
        if language == "bash"
        for line in text.splitlines()
        if line.startswith("mirbricks ")
    ]
    assert commands
    for line in commands:
        command_parser().parse_args(shlex.split(line))
