"""docs/predictions.md: its commands and its Python run as they stand, and its table is that of the formats."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbricks.cli import main
from mirbricks.outputs import FORMATS

sys.path.insert(0, str(Path(__file__).parent))
from written import fences, page

PAGE = "predictions.md"


def blocks(kind: str) -> list[str]:
    return [text for language, text in fences(PAGE) if language == kind]


@pytest.fixture(autouse=True)
def song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    time_s = np.arange(2 * 22050) / 22050
    tone = sum(0.2 / k * np.sin(2 * np.pi * k * 440 * time_s) for k in (1, 2, 3))
    soundfile.write("song.wav", tone, 22050)


def test_the_commands_and_the_python_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    for line in lines:
        assert main(shlex.split(line.removeprefix("$ mirbricks "))) == 0, line
    # The answer on the page is the one on the screen, but for times.
    printed = capsys.readouterr().out
    shown = blocks("text")[0]
    for name in ("out/song.f0.txt", "out/song.notes.csv", "out/song.png"):
        assert name in printed
        assert name in shown
    assert "song.wav: 1 note: A4" in printed
    for block in blocks("python"):
        exec(compile(block, PAGE, "exec"), {})  # our own page
    assert Path("midi/song.mid").exists()


def test_every_format_has_a_row() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", page(PAGE), flags=re.MULTILINE)
    assert rows == [*FORMATS, "png"]
