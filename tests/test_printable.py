"""What is printed: escapes for what a terminal obeys, and output in encodings that lack characters."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mirbricks as mb
from mirbricks import printable as module
from mirbricks.cli import main
from mirbricks.printable import let_streams_replace, printable

GRAPHS = Path(mb.__file__).parent / "graphs"
ACTING = ["\x1b", "\x9b", "\x07", "\r", "\n", "\u2028", "\u202e", "\u2066", "\udc80"]
GRAPH = """\
name: Große Aufnahme 四季
input: B C=2 T=30
layers:
  - Conv1d: {name: head, out_channels: 2, kernel_size: 3, padding: same}
  - StoreAs: É
  - ReLU
  - AddWith: É
"""


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_acts_on_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not any(character in shown for character in ACTING)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_letters_of_every_script_stay(text: str) -> None:
    assert printable(text) == text
    assert printable("می\u200cخواهم") == "می\u200cخواهم"


def test_escapes_are_those_of_python() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd") == r"a\x1b[2Jb\u202ec\nd"
    assert printable(Path("x\ty")) == r"x\ty"
    assert doctest.testmod(module).failed == 0


def stream(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "koi8-r", "shift_jis"])
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["blocks"],
        ["explain", "AutoPool1d"],
        ["check", "graph.yaml"],
        ["summary", "graph.yaml"],
        ["diff", "graph.yaml", str(GRAPHS / "mpe_small.yaml")],
        ["draw", "graph.yaml", "--out", "größe.svg"],
        ["check", "mißt.yaml"],
    ],
    ids=" ".join,
)
def test_no_encoding_ends_a_command(
    encoding: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graph.yaml").write_text(GRAPH, encoding="utf-8")
    texts = {}
    for name in (encoding, "utf-8"):
        written = io.BytesIO()
        out = io.TextIOWrapper(written, encoding=name)
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", out)
        for path in tmp_path.glob("*.svg"):
            path.unlink()
        with contextlib.suppress(SystemExit):  # that is how --help ends
            main(words)
        out.flush()
        texts[name] = written.getvalue().decode(name)
    # The same characters, but for those that the encoding lacks; a table's lines are drawn in ASCII there.
    wanted = texts["utf-8"].encode(encoding, "replace").decode(encoding)
    if words[0] != "summary":
        assert texts[encoding] == wanted
    assert texts[encoding].count("\n") == wanted.count("\n")


def test_streams_of_a_user_s_own_choice_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = stream("ascii", "xmlcharrefreplace")
    names = stream("utf-8", "surrogateescape")
    monkeypatch.setattr(sys, "stdout", chosen)
    monkeypatch.setattr(sys, "stderr", names)
    let_streams_replace()
    assert (chosen.errors, names.errors) == ("xmlcharrefreplace", "surrogateescape")
    c_locale = stream("ascii", "surrogateescape")
    monkeypatch.setattr(sys, "stdout", c_locale)
    monkeypatch.setattr(sys, "stderr", None)
    let_streams_replace()
    assert c_locale.errors == "replace"


def test_a_process_of_its_own_ends_well(tmp_path: Path) -> None:
    (tmp_path / "größe.yaml").write_text(GRAPH, encoding="utf-8")
    code = "import sys; from mirbricks.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "größe.yaml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONIOENCODING": "ascii",
            "LANG": "C",
            "LC_ALL": "C",
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"gr??e.yaml: fine: (B, 2, 30)")
