"""The example of fine-tuning runs from the shell, and what it makes is what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mirbricks as mb

EXAMPLE = Path(mb.__file__).parent / "examples" / "fine_tuning"


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_recordings_are_the_same_each_time(tmp_path: Path) -> None:
    script = str(EXAMPLE / "own_recordings.py")
    made = []
    for name in ("a", "b"):
        run(script, "--out", name, "--seconds", "3", folder=tmp_path)
        files = sorted((tmp_path / name).rglob("*.*"))
        made.append([(path.name, path.read_bytes()) for path in files])
    assert made[0] == made[1]
    assert len(made[0]) == 12
    # Every note ends after it begins, and no pitch sounds twice at once.
    for path in (tmp_path / "a").rglob("*.tsv"):
        rows = [
            tuple(map(float, line.split())) for line in path.read_text().splitlines()
        ]
        assert rows
        for onset, offset, midi in rows:
            assert onset < offset <= 3.0
            again = [r for r in rows if r[2] == midi and onset < r[0] < offset]
            assert not again


@pytest.mark.slow
def test_the_showing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    script = str(EXAMPLE / "show.py")
    text = run(script, "--steps", "40", "--seconds", "10", folder=tmp_path)
    rows = re.findall(
        r"^(zoo:\S+ as it comes|from scratch|fine-tuned) +([\d.]+)", text, re.M
    )
    accuracy = {name: float(value) for name, value in rows}
    assert len(accuracy) == 3
    # With so few steps the weights that it begins with decide.
    assert accuracy["fine-tuned"] > accuracy["from scratch"]
    assert accuracy["fine-tuned"] > accuracy["zoo:mpe_bach10 as it comes"]
