"""`diagnose` on whole experiments: what `check` refuses of the sections is found while one types, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.errors import ErrorList, MirbricksError
from mirbricks.workflows.loading import load_experiment

GRAPHS = Path(mb.__file__).parent / "graphs"
SOUND = """\
input: B C=6 F=360 T
layers:
  - Conv2d: {name: head, out_channels: 1, kernel_size: 3, padding: same}
feature: {type: hcqt}
dataset: {folds: 5}
task: {type: multi_pitch}
train: {steps: 10, lr: 1.0e-3}
"""
# What stands in the sound text, what is typed instead, and where the mistake is.
MISTAKES = {
    "an unknown setting of train": ("steps: 10", "stps: 10", 7, 9),
    "a value of train": ("lr: 1.0e-3", "lr: fast", 7, 24),
    "an unknown setting of dataset": ("folds: 5", "fold: 5", 5, 11),
    "a value of dataset": ("folds: 5", "folds: 1", 5, 18),
    "an unknown task": ("multi_pitch", "multi_pich", 6, 14),
    "an unknown setting of task": ("multi_pitch}", "multi_pitch, pos: 3}", 6, 27),
    "an unknown feature": ("hcqt", "hcqtt", 4, 17),
    "a section that is no mapping": ("{folds: 5}", "five", 5, 10),
    "a feature that the task does not read": ("{type: hcqt}", "{type: waveform}", 4, 17),
    "a frozen node that is not there": ("steps: 10", "freeze: [hed]", 7, 1),
    "a task of other axes": ("B C=6 F=360 T", "B C=6 F=90 T", 1, 8),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_sections_are_read_as_check_reads_them(name: str, tmp_path: Path) -> None:
    was, typed, line, column = MISTAKES[name]
    text = SOUND.replace(was, typed)
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    found = mb.diagnose(text, str(path))
    assert found.graph is not None
    first = found.errors[0]
    assert first.where is not None
    assert (first.where.line, first.where.column) == (line, column), first
    with pytest.raises(MirbricksError) as raised:
        load_experiment(path)
    refused = (
        raised.value.errors if isinstance(raised.value, ErrorList) else (raised.value,)
    )
    assert [str(one) for one in found.errors] == [str(one) for one in refused]


def test_a_setting_has_a_button_that_mends_it() -> None:
    text = SOUND.replace("steps", "stps")
    edit = mb.diagnose(text).errors[0].edits[0]
    assert edit.apply(text) == SOUND


def test_sections_are_read_where_sizes_do_not_fit() -> None:
    text = SOUND.replace("kernel_size: 3", "kernel_size: 3, in_channels: 5")
    text = text.replace("steps: 10", "stps: 10")
    assert [one.code for one in mb.diagnose(text).errors] == ["E202", "E105"]


def test_sections_without_a_task_are_read_one_by_one() -> None:
    text = SOUND.replace("task: {type: multi_pitch}\n", "").replace("stride", "x")
    assert mb.diagnose(text).errors == ()
    found = mb.diagnose(text.replace("folds: 5", "fold: 5").replace("lr:", "lrr:"))
    assert [one.where.line for one in found.errors if one.where] == [5, 6]


def test_a_quick_look_leaves_the_sizes_of_the_task_out() -> None:
    text = SOUND.replace("F=360", "F=90")
    assert mb.diagnose(text, thorough=False).errors == ()
    assert mb.diagnose(text).errors[0].code == "E501"


@pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.yaml")), ids=lambda p: p.stem)
def test_nothing_is_wrong_with_the_sections_of_a_shipped_graph(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = mb.diagnose(text, str(path), thorough=False)
    assert found.errors == ()


@pytest.mark.parametrize("name", ["mpe_small", "separation_small", "notes_codec"])
def test_a_shipped_graph_fits_its_task_without_weights(name: str) -> None:
    path = GRAPHS / f"{name}.yaml"
    assert mb.diagnose(path.read_text(encoding="utf-8"), str(path)).errors == ()
