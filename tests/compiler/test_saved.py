"""Resolved graphs: they compile to the same model, and resolving them again changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.saved import resolved_yaml

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
DIALECT = sorted((Path(__file__).parent / "dialect").glob("*.yaml"))
SHAPES = {
    "bittner": (None, 6, 360, None),
    "doras": (None, 6, 360, None),
    "cover": (None, 1, 23, None),
}
SHAPES |= {"chord": (None, 1, 72, 1024), "tagging": (None, 1, 128, 64)}
SHAPES |= {"variants_1d": (None, 1, 3200), "variants_2d": (None, 6, 20, 16)}


def again(model: torch.nn.Module, folder: Path) -> tuple[torch.nn.Module, str]:
    """The model of the resolved graph, and the resolved text."""
    text = resolved_yaml(model, {})
    path = folder / "resolved.yaml"
    path.write_text(text)
    with torch.device("meta"):
        return mb.compile_graph(path), text


@pytest.mark.parametrize("path", [*GRAPHS, *DIALECT], ids=lambda path: path.stem)
def test_a_resolved_graph_is_the_same_model_and_a_fixed_point(
    path: Path, tmp_path: Path
) -> None:
    with torch.device("meta"):
        model = mb.compile_graph(path, SHAPES.get(path.stem))
    same, text = again(model, tmp_path)
    assert {k: v.shape for k, v in same.state_dict().items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    assert [(op.kind, op.name, op.fit) for op in same.ops] == [
        (op.kind, op.name, op.fit) for op in model.ops
    ]
    assert [(n.name, n.block, n.config, n.went) for n in same.nodes] == [
        (n.name, n.block, n.config, n.went) for n in model.nodes
    ]
    assert (same.input_shapes, same.output_shape) == (
        model.input_shapes,
        model.output_shape,
    )
    assert again(same, tmp_path)[1] == text
    assert not re.search(
        r"(?<!end_dim: )(?<!\d)(?<!e)-1\b", text
    )  # nothing is left to infer


def test_sections_and_several_inputs_are_written(tmp_path: Path) -> None:
    layers = [
        {"Conv1d": {"out_channels": 3, "kernel_size": 1}},
        {"CatWith": {"key": "t", "fit": "crop"}},
    ]
    model = mb.compile_graph(
        {"name": "two", "input": {"x": "B C=2 T", "t": "B C=4 T"}, "layers": layers}
    )
    text = resolved_yaml(
        model, {"train": {"lr": 1e-3, "betas": (0.9, 0.999), "schedule": None}}
    )
    path = tmp_path / "two.yaml"
    path.write_text(text)
    graph = mb.load_graph(path)
    assert graph.name == "two"
    assert graph.source.data["train"] == {
        "lr": 1e-3,
        "betas": [0.9, 0.999],
        "schedule": None,
    }
    assert mb.compile_graph(graph).input_shapes == {
        "x": ("B", 2, "T"),
        "t": ("B", 4, "T"),
    }


def test_a_single_input_keeps_the_name_that_layers_call_it_by(tmp_path: Path) -> None:
    layers = ["ReLU", {"AddWith": "mix"}]
    model = mb.compile_graph({"input": {"mix": "B C=2 T"}, "layers": layers})
    same, text = again(model, tmp_path)
    assert same.input_shapes == model.input_shapes
    assert "input: {mix: B C=2 T}" in text


def test_weights_of_the_one_load_into_the_other(tmp_path: Path) -> None:
    model = mb.compile_graph(GRAPHS[0].parent / "mpe_small.yaml").eval()
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(model, {}))
    same = mb.compile_graph(path).eval()
    same.load_state_dict(model.state_dict())
    x = torch.randn(1, 6, 360, 8)
    assert torch.equal(model(x), same(x))
