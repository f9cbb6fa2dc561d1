"""A training that begins with other weights: what each node begins with is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.errors import GraphError, RunError
from mirbricks.workflows.start_from import LEFT, NEW, TAKEN, start_from

HEAD = """extends: zoo:tagging_esc10
name: own
layers:
  {head}: {{out_features: 3}}
"""


def last_node() -> str:
    return mb.load("zoo:tagging_esc10").module.nodes[-1].name


@pytest.fixture
def another_head(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(HEAD.format(head=last_node()))
    return path


def test_another_head_keeps_the_rest(another_head: Path) -> None:
    model = mb.compile_graph(another_head)
    assert model.output_shape[-1] == 3
    first = {name: value.clone() for name, value in model.state_dict().items()}
    start = start_from(model, "zoo:tagging_esc10")
    zoo = mb.load("zoo:tagging_esc10").module.state_dict()
    head = last_node()
    for name, value in model.state_dict().items():
        given = first if name.startswith(f"{head}.") else zoo
        assert torch.equal(value, given[name]), name
    states = {row.node: row.state for row in start.rows}
    assert states.pop(head) == NEW
    assert set(states.values()) == {TAKEN}
    lines = start.lines()
    assert lines[0].endswith(f"{len(states)} nodes taken, 1 new")
    assert lines[-1].split()[:2] == [head, NEW]
    assert "here and" in lines[-1]
    assert "(3," in lines[-1]
    assert "(10," in lines[-1]
    assert len(lines) == 3  # nodes of one fate share a line


def test_what_the_graph_does_not_have_is_left_over(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    layers = [
        {"Linear": {"name": "a", "out_features": 3}},
        {"Linear": {"name": "b", "out_features": 3}},
    ]
    model = mb.compile_graph({"input": "B D=2", "layers": layers})
    from mirbricks.runs.folder import RunFolder

    run = RunFolder.create(path)
    run.save_weights(model, {})
    other = mb.compile_graph(
        {
            "input": "B D=2",
            "layers": [layers[0], {"Linear": {"name": "c", "out_features": 1}}],
        }
    )
    start = start_from(other, str(path))
    assert [(row.node, row.state) for row in start.rows] == [
        ("a", TAKEN),
        ("c", NEW),
        ("b", LEFT),
    ]


def test_another_model_is_refused() -> None:
    model = mb.compile_graph("mpe_small")
    with pytest.raises(RunError, match="E607"):
        start_from(model, "zoo:tagging_esc10")


def test_a_graph_that_extends_no_model_of_the_zoo(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: zoo:tagging_esc1\nname: own\n")
    with pytest.raises(GraphError, match="E101") as error:
        mb.compile_graph(path)
    assert f"{path}:1:10" in str(error.value)
    assert "did you mean 'tagging_esc10'" in str(error.value)


@pytest.mark.parametrize(
    ("source", "code"),
    [("zoo:mpe_bach1", "E610"), ("no/run", "E600"), ("zoo:tagging_esc10", "E607")],
)
def test_what_cannot_be_begun_with_is_refused_before_the_corpus_is_read(
    source: str, code: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError) as raised:
        mb.train("mpe_small", "no_corpus", tmp_path / "run", start_from=source)
    assert raised.value.code == code
    # Both graphs have a conv2d_1, of other shapes: its own name is of no help.
    assert "conv2d" not in (raised.value.help or "")
    assert not (tmp_path / "run").exists()
