"""Every example of docs/data.md, in the order of the page: Python runs, commands print what is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import mirbricks
from mirbricks.cli import main
from mirbricks.data.importers import contract

PAGE = Path(mirbricks.__file__).parent / "docs" / "data.md"
FENCES = re.findall(
    r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S
)


def test_every_example_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(contract.IMPORTERS, "known", contract.kinds())
    names: dict[str, object] = {}
    for language, text in FENCES:
        if language == "console":
            for command, shown in re.findall(
                r"^\$ mirbricks (.*)\n((?:(?!\$ ).*\n)*)", text, flags=re.M
            ):
                main(shlex.split(command))
                printed = capsys.readouterr()
                assert printed.out + printed.err == shown, command
        elif file := re.match(
            r"# (\w+\.(?:py|yaml))\n", text
        ):  # the first line names a file
            Path(file[1]).write_text(text, encoding="utf-8")
        else:
            assert language == "python", language
            exec(text, names)


def test_the_page_has_examples() -> None:
    counts = {
        language: sum(found == language for found, _ in FENCES)
        for language in ("console", "python")
    }
    assert counts["console"] >= 6
    assert counts["python"] >= 4


def test_the_page_lists_every_kind() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [kind for kind in contract.kinds() if f"{kind}  " not in text]
