"""Bars and tables of the commands."""

from __future__ import annotations

import sys

import pytest

from mirbricks.commands.screen import counting, markdown_of
from mirbricks.errors import DataError
from mirbricks.tasks.base import Evaluation
from mirbricks.workflows.progress import Progress


def test_items_are_counted_failures_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("features", 3) as on_done:
        on_done("a")
        on_done("b", DataError("b is broken", code="E451"))
        on_done("c", None)
    assert capsys.readouterr() == (
        "features: 2 done, 1 failed\n",
        "b is broken\n  [E451]\n",
    )
    with counting("features", 1) as on_done:
        on_done("a")
    assert capsys.readouterr().out == "features: 1 done\n"
    with counting("features", 1, show=False) as on_done:
        on_done("a")
    assert capsys.readouterr().out == ""


def test_what_is_broken_off_is_not_said_to_be_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyboardInterrupt), counting("features", 2):
        raise KeyboardInterrupt
    assert capsys.readouterr().out == ""


def test_bars_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with counting("[live] features", 2) as on_done:
        on_done("a")
        on_done("b")
    out = capsys.readouterr().out
    assert "[live] features" in out
    assert "2/2" in out
    with Progress().sharing("[live].wav: pitches") as on_share:
        on_share(0.5)
        on_share(1.0)
    out = capsys.readouterr().out
    assert "[live].wav: pitches" in out
    assert "100%" in out


def test_a_share_says_nothing_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress().sharing("a.wav: pitches") as on_share:
        on_share(1.0)
    assert capsys.readouterr().out == ""


def test_bars_in_names_do_not_break_a_table() -> None:
    table = markdown_of(
        Evaluation({"Accuracy": 0.5}, {"a|b.wav": {"Accuracy": 0.5}}), ("Accuracy",)
    )
    assert table.splitlines()[2] == r"| a\|b.wav | 0.500 |"
