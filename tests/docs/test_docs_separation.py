"""docs/tasks/separation.md: its graph trains, its Python prints what is shown, its settings are there."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from mirbricks.commands.command_line import command_parser
from mirbricks.tasks.separation.config import PARTS, RemixConfig

from ..tasks.separation.conftest import write_corpus

sys.path.insert(0, str(Path(__file__).parent))
from written import fences, page

TEXT, FENCES = page("tasks/separation.md"), fences("tasks/separation.md")


def test_every_example_is_executed_and_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    write_corpus(tmp_path / "duos")
    names: dict[str, object] = {}
    shown: list[str] = []
    for language, text in FENCES:
        if language == "yaml":
            Path("duo.yaml").write_text(text, encoding="utf-8")
        elif language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(text, names)
            shown.append(printed.getvalue())
    assert shown == [text for language, text in FENCES if language == "text"]


def test_the_commands_of_the_page_are_ones_that_the_parser_takes() -> None:
    lines = [
        line.removeprefix("$ mirbricks ")
        for language, text in FENCES
        if language == "console"
        for line in text.splitlines()
    ]
    assert len(lines) == 3
    for line in lines:
        command_parser().parse_args(shlex.split(line))


def test_the_tables_name_every_setting_of_mixing_and_every_loss() -> None:
    named = set(re.findall(r"`([a-z_0-9]+)`", TEXT))
    assert set(RemixConfig.model_fields) <= named
    assert set(PARTS) <= named
