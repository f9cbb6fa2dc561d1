"""docs/training.md: its commands, graphs and Python run as they stand."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.commands.command_line import command_parser
from mirbricks.training.loggers import LOGGERS

sys.path.insert(0, str(Path(__file__).parent))
from written import DOCS, fences, page

FENCES = fences("training.md")


def commands() -> list[list[str]]:
    lines = [
        line.removeprefix("$ mirbricks ")
        for kind, text in FENCES
        if kind == "console"
        for line in text.splitlines()
        if line.startswith("$ mirbricks ")
    ]
    return [shlex.split(line) for line in lines]


def test_the_script_of_the_page_is_there() -> None:
    (script,) = re.findall(r"^\$ python (\S+)", page("training.md"), flags=re.M)
    assert (DOCS.parent / script).is_file()


def test_the_commands_are_ones_that_the_parser_takes() -> None:
    assert len(commands()) == 7
    for words in commands():
        command_parser().parse_args(words)


def test_the_logger_of_the_page_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    LOGGERS.get("tensorboard")  # ours are known before a copy takes their place
    monkeypatch.setattr(LOGGERS, "known", dict(LOGGERS.known))
    (text,) = [text for kind, text in FENCES if kind == "python"]
    exec(text, {"__name__": "page"})  # our own page
    assert LOGGERS.get("print").name == "print"


def test_the_graphs_of_the_page_compile(tmp_path: Path) -> None:
    graphs = [text for kind, text in FENCES if kind == "yaml"]
    shapes = []
    for number, text in enumerate(graphs):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        shapes.append(mb.compile_graph(path).output_shape)
    assert shapes[1][-1] == 3


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (own, _) = [text for kind, text in FENCES if kind == "yaml"]
    Path("mine.yaml").write_text(own)
    for words in commands():
        if words[0] == "train":
            words += ["--cache", "cache", "--jobs", "1"]
            words += ["--set", "train.batch_size=2", "--set", "task.patch_frames=48"]
        assert main(words) == 0, words
    assert Path("lr.html").exists()
