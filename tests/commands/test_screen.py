"""Bars and tables of the commands."""

from __future__ import annotations

import re
import sys

import pytest

from mirbricks.commands.screen import (
    console,
    counting,
    markdown_of,
    print_tables,
    table_of,
)
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


NAMES = ("Accuracy", "Precision", "Recall", "note_f1", "frame_f1", "chroma_accuracy")
LONG = "01-AchGottundHerr/a very long folder/with a track.wav"


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_table_cuts_no_number_and_no_name(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    tracks = {LONG: dict.fromkeys(NAMES, 0.1234)}
    figures = dict.fromkeys(NAMES, 0.5678)
    screen = console()
    with screen.capture() as captured:
        screen.print(table_of("all", Evaluation(figures, tracks), NAMES))
    text = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert text.count("0.123") == text.count("0.568") == len(NAMES)
    squeezed = "".join(text.split())
    for name in NAMES:
        assert name.split("_")[-1] in squeezed


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("label", ["features", f"/home/somebody/{LONG}: features"])
def test_a_bar_is_one_line(
    label: str,
    width: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with counting(label, 12345) as on_done:
        for _ in range(3):
            on_done("a")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    shown = [line for line in re.split(r"[\r\n]", lines) if line.strip()]
    assert shown
    for line in shown:
        assert len(line.rstrip()) <= width
        assert re.search(r" [03]/12345 \S+$", line)
        assert label[-8:] in line.replace("…", "f")


def test_many_figures_are_all_readable(capsys: pytest.CaptureFixture[str]) -> None:
    names = [
        f"a_figure_of_{word}_real" for word in ["frechet", "pitch", "noise", "loss"]
    ]
    names += [f"another_{name}" for name in names]
    figures = {name: 123.456 + i for i, name in enumerate(names)}
    console().print(table_of("sounds", Evaluation(figures, {}), names))
    out = capsys.readouterr().out
    assert "…" not in out
    for name, value in figures.items():
        assert f"{value:.3f}" in out
        assert all(f"{part}_" in out for part in name.split("_")[:-1])


def test_parts_have_a_table_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Figures named FIGURE/PART: a row per part, also where a part lacks one of them."""
    tracks = {"a.wav": {"sdr_db": 3.0, "sdr_db/horn": 3.0}}
    figures = {"sdr_db": 3.0, "sdr_db/horn": 3.0, "sdr_db/harp": 1.5, "sir_db/harp": 2}
    evaluation = Evaluation(figures, tracks)
    print_tables("tracks", evaluation, ["sdr_db"])
    lines = capsys.readouterr().out.splitlines()
    (horn,) = [line for line in lines if "horn" in line]
    (harp,) = [line for line in lines if "harp" in line]
    assert re.findall(r"[\d.]+", horn) == ["3.000"]
    assert re.findall(r"[\d.]+", harp) == ["1.500", "2.000"]
    assert (
        markdown_of(evaluation, ["sdr_db"])
        == """\
| track | sdr_db |
| --- | ---: |
| a.wav | 3.000 |
| **mean** | **3.000** |

|  | sdr_db | sir_db |
| --- | ---: | ---: |
| horn | 3.000 |  |
| harp | 1.500 | 2.000 |"""
    )
