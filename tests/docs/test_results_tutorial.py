"""The table of docs/results_tutorial.md: each line of the tutorial has a row, made by a command that is right."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.workflows.loading import load_experiment

ROOT = Path(mb.__file__).parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import results  # noqa: E402 - after its folder is on the path
import results_tutorial as tutorial  # noqa: E402 - the same

PAGE = tutorial.PAGE.read_text(encoding="utf-8")
LINES = results.read_lines(tutorial.LINES, tutorial.Beside)
# The book's result lines, and the losses of its two notebooks on generation.
WANTED = [
    "Conv2D on one CQT, Bach10",
    "Conv2D on HCQT, Bach10",
    "DepthSep on HCQT, Bach10",
    "ResNet on HCQT, Bach10",
    "ConvNeXt on HCQT, Bach10",
    "U-Net (Doras) on HCQT, Bach10",
    "Conv2D on HCQT, MAPS",
    "ResNet on HCQT, MAPS",
    "U-Net (Doras) on HCQT, MAPS",
    "MOVE-like, Cover1000",
    "MOVE-like, Da-TACOS",
    "LMS Conv2D, GTZAN",
    "Conv1D, GTZAN",
    "TCN, GTZAN",
    "SincNet, GTZAN",
    "LMS Conv2D, MTT",
    "Conv2D and biLSTM, RWC-Pop",
    "6 x 256 transformer, NSynth guitar",
    "1-D U-Net, rectified flow, NSynth guitar",
]
FOUND = results.rows_of(PAGE, len(tutorial.HEAD))


def test_each_line_of_the_tutorial_has_a_row() -> None:
    assert list(dict.fromkeys(line.line for line in LINES)) == WANTED
    assert [cells[0] for cells in list(FOUND.values())[2:]] == [
        tutorial.row(line, {})[0] for line in LINES
    ]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_row_is_what_its_line_gives(line: tutorial.Beside) -> None:
    made = tutorial.row(line, {})
    cells = FOUND[made[0], made[1]]
    assert cells[4:] == made[4:]
    assert f"--out runs/results/{line.name}/seed0" in PAGE

    # A row has figures and its budget, or says where they are, or why it has none.
    if cells[2] == made[2]:
        assert cells[3] == line.untrained != ""
    else:
        names = [one.rpartition(" ")[0] for one in cells[2].split("<br>")]
        assert names == [line.figure, *line.also]
        assert cells[3].startswith(
            tutorial.budget(line, {0: {"training_s": 0.0}}).rpartition("<br>")[0]
        )


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_every_line_is_an_experiment(line: tutorial.Beside) -> None:
    experiment = load_experiment(ROOT / line.graph, [*line.set, "train.seed=0"])
    assert (line.fold is None) == (experiment.dataset.split == "annotation")
    assert line.folds is None


def test_figures_that_are_not_of_these_trainings_are_on_the_page_of_results() -> None:
    page = results.PAGE.read_text(encoding="utf-8")
    for line in LINES:
        for figure in re.findall(r"\d*\.\d+|\d{4}", line.settled + line.stands):
            assert figure in page, line.name


def test_the_names_of_both_tables_are_their_own() -> None:
    names = [line.name for line in [*results.read_lines(), *LINES]]
    assert len(set(names)) == len(names)


def test_a_row_of_figures_says_the_budget() -> None:
    line = tutorial.Beside.model_validate(
        {
            "name": "toys",
            "line": "Toys",
            "text": "toys",
            "theirs": "Acc .5",
            "graph": "graphs/mpe_small.yaml",
            "data": "toys",
            "fold": 1,
            "set": ["train.steps=2"],
            "figure": "Accuracy",
            "unlike": "all",
        }
    )
    assert line.train_words("toys", "out", 0)[4:8] == ["--out", "out", "--fold", "1"]
    assert tutorial.row(line, {})[2:4] == ["—", "not trained"]
    found = {0: {"Accuracy": 0.25, "training_s": 90.0}}
    assert tutorial.row(line, found)[2:4] == [
        "Accuracy 0.250",
        "`mpe_small`<br>fold 1<br>2 steps of 4<br>1.5 min",
    ]
