"""docs/scale.md: its commands run as they stand, those for other machines are ones that the parser takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.commands.command_line import command_parser

PAGE = Path(mb.__file__).parent / "docs" / "scale.md"


def commands(kind: str) -> list[list[str]]:
    """The commands of blocks of one kind, after the word mirbricks; a line that ends in \\ goes on."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.M | re.S)
    found = []
    for line in "".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "mirbricks" in words:
            found.append(words[words.index("mirbricks") + 1 :])
    return found


def test_the_commands_for_other_machines_are_ones_that_the_parser_takes() -> None:
    shown = commands("bash")
    assert len(shown) == 8
    for words in shown:
        # A scheduler fills this in.
        known = [word.replace("$SLURM_ARRAY_TASK_ID", "3") for word in words]
        command_parser().parse_args(known)


def test_the_features_of_both_shards_are_there_when_the_training_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    synth, *shards, training = commands("console")
    assert main(synth) == 0
    for words in shards:
        assert main([*words, "--jobs", "1"]) == 0
    assert "shard 2 of 2; the corpus has 30" in capsys.readouterr().out
    command_parser().parse_args(training)


def test_the_parts_of_the_page_are_one_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    exec(compile(code, str(PAGE), "exec"), {})
    printed = code.rpartition("  # ")[2]
    assert capsys.readouterr().out == printed
