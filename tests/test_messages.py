"""Messages that no other test holds word for word."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from mirbricks.cli import main
from mirbricks.compiler.compile import load_graph
from mirbricks.data.pyjama.file import Pyjama
from mirbricks.errors import MirbricksError
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.registry import Block
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.finding import task_of, tasks
from mirbricks.testing import check_block


class Mine(Block):
    """Not registered."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def deep() -> None:
    Path("x.pyjama").write_text("[" * 100_000)
    Pyjama.load("x.pyjama")


def no_task() -> None:
    Path("g.yaml").write_text("input: B C T\nlayers:\n  - ReLU\n")
    task_of(load_graph("g.yaml"), HCQTFeatureConfig())


def task_without_type() -> None:
    Path("g.yaml").write_text(
        "input: B C T\nlayers:\n  - ReLU\ntask: {patch_frames: 64}\n"
    )
    task_of(load_graph("g.yaml"), HCQTFeatureConfig())


def half_a_run() -> None:
    Path("run").mkdir()
    shutil.copy(__file__, "run/graph.yaml")
    RunFolder.open("run").load_state()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: check_block(Mine),
            "'Mine' is not registered\n  help: decorate it with @register     [E305]",
        ),
        (
            no_task,
            "g.yaml:1:1: the graph names no task\n    1 | input: B C T\n      | ^^^^^^^^^^^^\n"
            f"  help: add `task: {{type: ...}}`; tasks are: {', '.join(tasks())}     [E500]",
        ),
        (
            task_without_type,
            "g.yaml:4:7: the graph names no task\n    4 | task: {patch_frames: 64}\n      |       ^^^^^^^^^^^^^^^^^^\n"
            f"  help: add `task: {{type: ...}}`; tasks are: {', '.join(tasks())}     [E500]",
        ),
        (
            half_a_run,
            "the run 'run' has no file 'state.pt'\n  help: give another run, or train again     [E605]",
        ),
    ],
)
def test_in_words(
    call: Callable[[], object],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MirbricksError) as caught:
        call()
    assert str(caught.value) == text


def test_json_that_python_cannot_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is Python's own, so it changes with its version."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MirbricksError) as caught:
        deep()
    assert str(caught.value).startswith("'x.pyjama' is not valid JSON: ")
    assert str(caught.value).endswith("\n  [E420]")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("Conv2D", "did you mean 'Conv2d' or 'Conv1d'?"),
        ("xylophone", "`mirbricks blocks` lists the blocks; codes look like E203"),
    ],
)
def test_explain_of_what_is_unknown(
    word: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", word]) == 1
    assert (
        capsys.readouterr().err
        == f"nothing is known as '{word}'\n  help: {hint}     [E305]\n"
    )
