"""What a training prints."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import Interrupting, train  # beside this file


def test_lines_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "a", show=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        f"step {step}/40" for step in range(4, 41, 4)
    ]
    assert lines[-1].count("  ") == 4
    assert "valid negative error -" in lines[-1]
    assert lines[-1].endswith("steps/s  0:00 left")
    train(tmp_path / "b", Interrupting(1), show=True)
    assert capsys.readouterr().out == (
        f"interrupted at step 2 of 40, saved in '{tmp_path / 'b'}'; the same command with --resume goes on\n"
    )
    train(tmp_path / "b", resume=True)
    assert capsys.readouterr().out == ""


def test_bar_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    train(tmp_path, show=True)
    out = capsys.readouterr().out
    assert "step 40/40" in out
    assert "loss " in out
    assert "valid negative error -" in out
    assert "steps/s" in out
    assert "validating: 1 done" in out


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_bar_stays_on_its_line(
    width: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    train(tmp_path, show=True)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    # The bar is drawn again and again on the one line: a second line would be left behind each time.
    drawn = [line for line in re.split(r"[\r\n]+", plain) if line.strip()]
    assert all("step " in line and len(line.rstrip()) <= width for line in drawn)
    assert any("…" not in line and "valid" in line for line in drawn)
