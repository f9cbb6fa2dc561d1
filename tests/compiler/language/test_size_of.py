"""`Upsample: {size_of: KEY}`: a field that names a stored tensor, everywhere a graph goes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import mirbricks as mb
from mirbricks.compiler.comparing.diff import Side, diff_graphs
from mirbricks.compiler.compile import as_graph
from mirbricks.compiler.drawing.walk import parts_and_arcs
from mirbricks.compiler.ejecting.eject import eject
from mirbricks.compiler.exporting.export import export
from mirbricks.compiler.inference.receptive_field import receptive_fields
from mirbricks.compiler.module import GraphModule
from mirbricks.compiler.saved import resolved_yaml

DOWN = {"Conv2d": {"name": "down", "out_channels": 8, "kernel_size": 3, "stride": 2}}


def up(**fields: Any) -> dict[str, Any]:
    return {"Upsample": {"name": "up", "mode": "bilinear", **fields}}


def unet(**fields: Any) -> dict[str, Any]:
    layers = [{"StoreAs": "skip"}, DOWN, up(size_of="skip", **fields)]
    return {"input": "B C=1 F T", "layers": [*layers, {"CatWith": "skip"}]}


@pytest.mark.parametrize("sizes", [(31, 4), (32, 5), (7, 40), (3, 3)])
@pytest.mark.parametrize("fields", [{}, {"mode": "nearest"}, {"align_corners": True}])
def test_the_output_has_the_size_of_the_stored_tensor(
    sizes: tuple[int, int], fields: dict[str, Any]
) -> None:
    model = mb.compile_graph(unet(**fields))
    x = torch.randn(2, 1, *sizes)
    mode = fields.get("mode", "bilinear")
    corners = fields.get("align_corners")
    made = functional.interpolate(
        model.down(x), sizes, mode=mode, align_corners=corners
    )
    torch.testing.assert_close(model(x), torch.cat([made, x], dim=1))


def test_an_input_may_be_named_and_frames_of_sequences_are_resized() -> None:
    layers = [{"Upsample": {"size_of": "like", "mode": "linear"}}]
    given = {"x": "B C=2 T", "like": "B D=3 N"}
    model = mb.compile_graph({"input": given, "layers": layers})
    y = model(torch.randn(1, 2, 5), torch.randn(1, 3, 12))
    assert y.shape == (1, 2, 12)


def same(one: GraphModule, other: Any) -> bool:
    x = torch.randn(2, 1, 31, 6)
    return torch.equal(one.eval()(x), other.eval()(x))


def test_it_survives_saving_ejecting_exporting_and_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mb.compile_graph(unet())
    again = tmp_path / "resolved.yaml"
    again.write_text(resolved_yaml(model, {}))
    restored = mb.compile_graph(again)
    restored.load_state_dict(model.state_dict())
    assert same(model, restored)

    code = tmp_path / "ejected.py"
    code.write_text(eject(model))
    spec = importlib.util.spec_from_file_location("ejected", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ejected", module)
    spec.loader.exec_module(module)
    plain = module.Model()
    plain.load_state_dict(model.state_dict())
    assert same(model, plain)
    assert "mirbricks" not in code.read_text().partition("import")[2]

    # Of the exported program the differences at each size are measured; F and T stay free in it.
    exported = export(model, "torch-export")
    assert all(difference < 1e-6 for _, difference in exported.differences)
    assert exported.differences

    # Two arcs leave the stored tensor: to the layer whose size it gives, and to the join.
    parts, arcs = parts_and_arcs(model)
    assert len(arcs) == 2
    assert len({arc.start for arc in arcs}) == 1
    assert [part.kind for part in parts].count("store") == 1


def test_by_a_factor_the_ejected_layer_is_torchs_own() -> None:
    layers = [{"Upsample": {"scale_factor": 2.0}}]
    model = mb.compile_graph({"input": "B C T", "layers": layers})
    assert "nn.Upsample(scale_factor=2.0)" in eject(model)


def test_the_key_of_a_subgraph_is_its_own(tmp_path: Path) -> None:
    inner = (
        "input: B C F T\nlayers:\n  - StoreAs: skip\n  - MaxPool2d: {kernel_size: 2}\n"
    )
    inner += "  - Upsample: {size_of: skip}\n"
    (tmp_path / "part.yaml").write_text(inner)
    outer = "input: B C=1 F=9 T=7\nlayers:\n  - StoreAs: skip\n  - MaxPool2d: {kernel_size: 3}\n"
    outer += "  - {graph: part.yaml, name: a}\n  - {graph: part.yaml, name: b}\n"
    outer += "  - Upsample: {size_of: a.skip}\n  - Upsample: {size_of: skip}\n"
    (tmp_path / "whole.yaml").write_text(outer)
    model = mb.compile_graph(tmp_path / "whole.yaml")
    assert [node.went[2:] for node in model.nodes if node.block == "Upsample"] == [
        (3, 2),
        (3, 2),
        (3, 2),
        (9, 7),
    ]


def test_a_repeat_names_another_tensor_each_time() -> None:
    down = [{"StoreAs": "E${i}"}, {"MaxPool1d": {"kernel_size": 2}}]
    back = [{"Upsample": {"size_of": "E${2 - i}"}}, {"AddWith": "E${2 - i}"}]
    layers = [{"repeat": 3, "layers": down}, {"repeat": 3, "layers": back}]
    model = mb.compile_graph({"input": "B C=2 T", "layers": layers})
    for n in (8, 13, 23):
        assert model(torch.randn(1, 2, n)).shape == (1, 2, n)
    again = mb.compile_graph(model.graph)
    assert again.output_shape == ("B", 2, "T")


def test_a_key_that_is_stored_again_is_the_one_of_its_place(tmp_path: Path) -> None:
    layers = [
        {"StoreAs": "a"},
        {"MaxPool1d": {"kernel_size": 2}},
        {"Upsample": {"size_of": "a", "name": "first"}},
        {"MaxPool1d": {"kernel_size": 3}},
        {"StoreAs": "a"},
        {"MaxPool1d": {"kernel_size": 2}},
        {"Upsample": {"size_of": "a", "name": "second"}},
    ]
    with pytest.warns(match="hides"):
        model = mb.compile_graph({"input": "B C=1 T=12", "layers": layers})
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(model, {}))
    again = mb.compile_graph(path)
    sizes = [node.went[2] for node in model.nodes]
    assert sizes == [6, 12, 4, 2, 4]
    assert [node.went[2] for node in again.nodes] == sizes


def test_another_key_is_a_difference_and_the_same_is_none() -> None:
    def side(key: str) -> Side:
        layers = [{"StoreAs": "a"}, {"StoreAs": "b"}, DOWN, up(size_of=key)]
        layers += [{"CatWith": "a"}, {"CatWith": "b"}]
        graph = as_graph({"input": "B C=1 F T", "layers": layers})
        return Side(graph, mb.compile_graph(graph), {})

    assert diff_graphs(side("a"), side("a")).same
    [change] = diff_graphs(side("a"), side("b")).nodes
    assert change.what == "Upsample 'up'"
    assert change.facts == (("size_of", "'a'", "'b'"),)


def test_the_receptive_field_follows_the_frames() -> None:
    model = mb.compile_graph(unet(mode="nearest"))
    first, second = receptive_fields(model)
    assert first is not None
    assert second is not None
    assert (first.frames, first.stride) == (3, 2)
    assert (second.frames, second.stride) == (3, 1)
