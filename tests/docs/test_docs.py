"""Every example of docs/graphs.md, in the order of the page: graphs compile, commands print what is shown."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.cli import main

sys.path.insert(0, str(Path(__file__).parent))
from written import as_shown, commands, fences, page

FENCES = fences("graphs.md")


def test_every_example_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = {
        word
        for _, text in FENCES
        for word in re.findall(r"^(\S+\.yaml):\d+:\d+:", text, flags=re.M)
    } - {"tiny.yaml"}
    for language, text in FENCES:
        if language == "yaml":
            name = re.match(r"# (\w+\.yaml)\n", text)
            assert name, f"the first line of an example names its file:\n{text}"
            Path(name[1]).write_text(text, encoding="utf-8")
            if name[1] not in broken and name[1] != "encoder.yaml":
                mb.compile_graph(name[1])
        elif language == "console":
            for command, shown in commands(text):
                main(shlex.split(command))
                printed = capsys.readouterr()
                assert as_shown(printed.out + printed.err) == shown, command
        else:
            exec(text, {"mb": mb, "torch": torch})


def test_the_page_has_examples_of_each_kind() -> None:
    counts = {
        language: sum(found == language for found, _ in FENCES)
        for language in ("yaml", "console", "python")
    }
    assert counts["yaml"] >= 10
    assert counts["console"] >= 3
    assert counts["python"] >= 1
    assert sum(counts.values()) == len(FENCES)


def test_every_command_of_the_table_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    named = re.findall(r"^\| `mirbricks ([\w-]+)", page("graphs.md"), flags=re.M)
    assert len(named) >= 8
    for command in named:
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
    capsys.readouterr()


SKIPS = [
    "StoreAs",
    "CatWith",
    "AddWith",
    "MulWith",
    "StartFrom",
    "Reuse",
    "fit",
    "with",
]
WORDS = [*SKIPS, "repeat", "branch", "graph", "extends", "vars", "outputs", "input"]


@pytest.mark.parametrize("word", WORDS)
def test_explain_knows_the_words_of_the_page(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", word]) == 0
    assert capsys.readouterr().out.startswith(f"{word}: ")
