"""Texts on lines that fit a terminal."""

from __future__ import annotations

import random
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mirbricks import cli
from mirbricks.cli import _warnings_once, main
from mirbricks.commands.models.predict import _on_screen
from mirbricks.commands.wrapping import wrapped_text
from mirbricks.printable import fitting_error
from mirbricks.registry import blocks
from mirbricks.tasks.predictions import Prediction


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes standard output a terminal of 80 columns; called by the test, which has a stream of its own by then."""

    def make() -> None:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return make


def drawn_words(seed: int) -> list[str]:
    draw = random.Random(seed)
    return ["x" * draw.randint(1, 12) for _ in range(draw.randint(40, 90))]


@pytest.mark.parametrize("seed", range(20))
def test_a_paragraph_is_wrapped_as_one(narrow: Callable[[], None], seed: int) -> None:
    """As if it had never been broken at the width of the source."""
    narrow()
    words = " ".join(drawn_words(seed))
    source = textwrap.fill(words, 116)
    other = f"first\n\n{source}\n\n  indented"
    wanted = textwrap.fill(words, 80)
    assert wrapped_text(other) == f"first\n\n{wanted}\n\n  indented"


@pytest.mark.parametrize("seed", range(5))
def test_what_hangs_goes_on_hanging(narrow: Callable[[], None], seed: int) -> None:
    narrow()
    words = " ".join(drawn_words(seed))
    hanging = {"initial_indent": "Source:  ", "subsequent_indent": " " * 9}
    source = textwrap.fill(words, 116, **hanging)
    assert wrapped_text(source) == textwrap.fill(words, 80, **hanging)


def test_lines_that_end_by_intention_stay(narrow: Callable[[], None]) -> None:
    narrow()
    text = "Shape:  (B, C, T)\nSource: a paper\n\n- one\n- two"
    assert wrapped_text(text) == text


def test_in_a_pipe_nothing_changes() -> None:
    text = textwrap.fill(" ".join(drawn_words(1)), 116)
    assert wrapped_text(text) == text


def test_no_explanation_is_ragged(
    narrow: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that can be broken fits, and the sentences of a docstring fill their lines."""
    narrow()
    names = [*sorted(blocks())[::12], "covers", "multi_pitch", "train", "logmel"]
    for name in names:
        assert main(["explain", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(
        k for k, line in enumerate(lines) if line.startswith("Versions of one")
    )
    assert len(lines[start]) > 70
    assert len(lines[start + 1]) > 60
    for line in lines:
        if not line.lstrip().startswith(("picture", "source", "/")):
            assert len(line) <= 80 or " " not in line.strip(), line


def test_a_warning_is_printed_once_per_command() -> None:
    """A file is read twice, a graph is run twice: what is wrong with it is one thing."""
    for _ in range(2):
        write = _warnings_once()
        place = str(Path(cli.__file__).parent / "data" / "check.py")
        said = [write(UserWarning(text), UserWarning, place, 1) for text in "aab"]
        assert said == ["warning: a\n", "", "warning: b\n"]


GOLDEN = Path(cli.__file__).parent / "tests" / "compiler" / "golden"
MESSAGES = [path.read_text(encoding="utf-8").rstrip() for path in GOLDEN.glob("*.txt")]


@pytest.mark.parametrize("columns", [60, 80])
def test_messages_fit_the_terminal_and_lose_no_word(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert [fitting_error(text) for text in MESSAGES] == MESSAGES
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for text in MESSAGES:
        shown = fitting_error(text)
        assert shown.split() == text.split()
        of_the_file = [line for line in text.splitlines() if " | " in line[:12]]
        for line in shown.splitlines():
            # The marks below a line of the file count its characters.
            assert len(line) <= columns or line in of_the_file or unbreakable(line)
        assert [line for line in shown.splitlines() if " | " in line[:12]] == (
            of_the_file
        )


def unbreakable(line: str) -> bool:
    """One word, behind the name of a fact or `help:`, that is longer than the line."""
    return len(line.split()) <= 3


class Said(Prediction):
    """A prediction that answers in as many words as its title has."""

    def files(self) -> dict[str, bytes]:
        return {}

    def answer(self) -> str:
        return self.title


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_fits_the_terminal(
    narrow: Callable[[], None], capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    narrow()
    words = " ".join(drawn_words(seed))
    prediction = Said(title=words, recorded_s=2.0, trained_on=words)
    _on_screen(Path("song.wav"), prediction, 1.0)
    printed = capsys.readouterr().out
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert f"song.wav: {words}" in " ".join(printed.split())
