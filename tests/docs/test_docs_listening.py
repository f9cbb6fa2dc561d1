"""docs/listening.md: its commands and its Python run as they stand, on folders of such names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mirbricks
from mirbricks.cli import main

PAGE = Path(mirbricks.__file__).parent / "docs" / "listening.md"
HEAD = "page,test,listener,trial,item,system,answer,score,seconds"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tone = 0.3 * np.sin(np.arange(4000) * 0.2)
    for folder in ("originals", "codec_a", "codec_b"):
        Path(folder).mkdir()
        for item in ("01", "02"):
            soundfile.write(f"{folder}/{item}.wav", tone, 16000)
    Path("answers").mkdir()
    for listener, score in (("ann", 80), ("bob", 70)):
        rows = [HEAD]
        for item in ("01", "02"):
            for system, more in (("codec_a", 0), ("codec_b", -20), ("reference", 20)):
                row = f"m,mushra,{listener},1,{item},{system},,{score + more},9"
                rows.append(row)
        Path(f"answers/{listener}.csv").write_text("\n".join(rows))
        Path(f"{listener}.csv").write_text("\n".join(rows))


def test_the_commands_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert lines
    for line in lines:
        words = shlex.split(line.removeprefix("$ mirbricks "))
        expanded: list[str] = []
        for word in words:
            found = (
                [str(path) for path in sorted(Path().glob(word))]
                if "*" in word
                else [word]
            )
            expanded += found
        assert main(expanded) == 0, line
    assert "codec_a - codec_b" in capsys.readouterr().out


def test_the_python_runs() -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    assert names["found"].systems["codec_a"].value == 75.0  # type: ignore[attr-defined]  # what the page computed
