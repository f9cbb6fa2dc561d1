"""A graph written back in full compiles to the same model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.saved import resolved_yaml

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_resolved_graph_is_the_same_model(path: Path, tmp_path: Path) -> None:
    model = mb.compile_graph(path)
    saved = tmp_path / "resolved.yaml"
    saved.write_text(resolved_yaml(model, {}))
    again = mb.compile_graph(saved)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert {name: value.shape for name, value in again.state_dict().items()} == shapes
    assert (again.input_shapes, again.output_shape) == (model.input_shapes, model.output_shape)
    assert resolved_yaml(again, {}) == saved.read_text()


def test_joins_inputs_and_sections_are_kept(tmp_path: Path) -> None:
    graph = {
        "input": {"x": "B C=2 T", "t": "B C=3 T"},
        "layers": ["ReLU", {"StoreAs": "a"}, {"CatWith": {"key": "t", "fit": "pad"}}],
    }
    model = mb.compile_graph(graph)
    saved = tmp_path / "resolved.yaml"
    saved.write_text(resolved_yaml(model, {"train": {"betas": (0.9, 0.99), "clip": None}}))
    again = mb.load_graph(saved)
    assert again.source.data["train"] == {"betas": [0.9, 0.99], "clip": None}
    x, t = torch.randn(1, 2, 5), torch.randn(1, 3, 7)
    assert torch.equal(mb.compile_graph(again)(x, t), model(x, t))
