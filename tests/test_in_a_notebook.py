"""What a notebook shows of errors, diagnoses, figures and runs: words and pictures, no reprs of classes."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.errors import MirbricksError
from mirbricks.training import progress
from mirbricks.workflows.run_list import RunRow

WRONG = "input: B C=1 T\nlayers:\n  - Conv1D: {out_channels: 4, kernel_size: 3}\n"


def test_of_an_error_the_users_own_lines_are_shown_and_the_message() -> None:
    cell = "import mirbricks as mb\nmb.load('zoo:mpe_bach1')\n"
    with pytest.raises(MirbricksError) as raised:
        exec(compile(cell, "cell", "exec"), {})
    shown = raised.value._render_traceback_()
    assert shown[-1] == f"RunError: {raised.value}"
    assert any(line.startswith("line 2, in <module>") for line in shown[:-1])
    assert not any("loading" in line or "located" in line for line in shown[:-1])


def test_a_diagnosis_reads_as_check_prints_it() -> None:
    found = mb.diagnose(WRONG)
    assert str(found) == str(found.errors[0])
    assert "E110" in found._repr_html_()
    assert "<svg" not in found._repr_html_()
    sound = mb.diagnose(WRONG.replace("1D", "1d"))
    assert str(sound) == "fine"
    assert "<svg" in sound._repr_html_()


def test_what_a_text_says_is_no_html_of_the_notebook() -> None:
    shown = mb.diagnose("layers: ['<script>alert(1)</script>']")._repr_html_()
    assert "<script" not in shown


def test_a_figure_that_ends_a_cell_is_a_picture() -> None:
    silence = np.zeros(22050, np.float32)
    heard = mb.load("zoo:mpe_bach10").predict(silence, sr_hz=22050)
    assert heard.plot()._repr_png_()[1:4] == b"PNG"


def test_a_row_of_a_run_is_a_line() -> None:
    row = RunRow(Path("runs/a"), "mpe_small", "multi_pitch", "bach10", 0, 1, "finished")
    assert repr(row) == "<run runs/a: mpe_small on bach10, fold 0, finished>"
    assert repr(RunRow(Path("b"), figures={"Accuracy": 0.5, "Recall": 1.0})) == (
        "<run b: a graph on a corpus, unfinished, Accuracy 0.500>"
    )


@pytest.mark.parametrize("there", [True, False])
def test_bars_move_in_a_notebook_that_has_widgets(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> Any:
        return (
            (object() if there else None) if name == "ipywidgets" else find_spec(name)
        )

    monkeypatch.setattr(progress, "find_spec", found)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert progress.is_watched() is there
    monkeypatch.setattr("rich.console._is_jupyter", lambda: False)
    assert progress.is_watched() is sys.stdout.isatty()
