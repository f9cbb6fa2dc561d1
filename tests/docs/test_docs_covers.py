"""Every example of docs/tasks/covers.md, in the order of the page; every setting of the task is on it."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from mirbricks.cli import main
from mirbricks.tasks.covers import ViewsConfig

sys.path.insert(0, str(Path(__file__).parent))
from written import as_shown, commands, fences, page

FENCES = fences("tasks/covers.md")


def test_every_example_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, text in FENCES:
        if language == "yaml":
            name = re.match(r"# (\w+\.yaml)\n", text)
            assert name
            Path(name[1]).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(text, names)
        else:
            capsys.readouterr()
            for command, shown in commands(text):
                main(shlex.split(command))
                printed = capsys.readouterr()
                assert as_shown(printed.out + printed.err) == shown, command


def test_the_page_has_every_view() -> None:
    text = page("tasks/covers.md")
    own = {
        name
        for name in ViewsConfig.model_fields
        if not name.startswith(("max_", "bins_", "jitter"))
    }
    assert not [name for name in own if f"`{name}`" not in text]
