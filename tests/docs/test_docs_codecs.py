"""docs/codecs.md: its Python runs and prints what the page shows; its settings and commands are there."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

from mirbricks.commands.command_line import command_parser
from mirbricks.tasks.codec import CodecConfig

sys.path.insert(0, str(Path(__file__).parent))
from written import fences, page

TEXT, FENCES = page("codecs.md"), fences("codecs.md")


def test_every_example_is_executed_and_prints_what_is_shown() -> None:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for language, text in FENCES:
            if language == "python":
                exec(text, {})
    assert [shown.getvalue()] == [text for kind, text in FENCES if kind == "text"]


def test_the_commands_of_the_page_are_ones_that_the_parser_takes() -> None:
    lines = [
        line.removeprefix("$ mirbricks ")
        for language, text in FENCES
        if language == "console"
        for line in text.splitlines()
    ]
    assert len(lines) == 5
    for line in lines:
        command_parser().parse_args(shlex.split(line))


def test_the_settings_of_the_table_are_those_of_the_task() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.M))
    assert named <= set(CodecConfig.model_fields)
    assert len(named) == 8
