"""Exported files: free axes stay free, the numbers are those of the graph, and who cannot be exported is named."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
import mirbricks.compiler.exporting.export as export_module
from mirbricks import registry
from mirbricks.compiler.exporting.export import export
from mirbricks.compiler.exporting.onnx_file import PACKAGES
from mirbricks.compiler.inference.trial import run, tensors, trial_inputs
from mirbricks.compiler.module import GraphModule
from mirbricks.errors import GraphError
from mirbricks.registry import Block, register

GRAPHS = Path(mb.__file__).parent / "graphs"
CONV = {"Conv1d": {"out_channels": 2, "kernel_size": 3, "padding": "same"}}
UP = {"Upsample": {"scale_factor": 2.0}}


def chain(*layers: Any) -> GraphModule:
    return mb.compile_graph({"input": "B C=2 T", "layers": list(layers)})


TWO = {
    "input": {"x": "B C=2 T", "t": "B C=2 T"},
    "outputs": ["m", "e"],
    "layers": [
        {"Conv1d": {"name": "m", **CONV["Conv1d"]}},
        {"StoreAs": "e"},
        {"AddWith": "t"},
    ],
}


def loaded(data: bytes) -> nn.Module:
    return torch.export.load(io.BytesIO(data)).module()


def test_free_axes_stay_free() -> None:
    model = chain(CONV, "ReLU").eval()
    exported = export(model, "torch-export")
    assert exported.sizes == ("any B", "any T")
    assert [sizes for sizes, _ in exported.differences] == [
        {"B": 1, "T": 1},
        {"B": 3, "T": 65},
    ]
    assert max(difference for _, difference in exported.differences) == 0
    for sizes in ({"B": 1, "T": 7}, {"B": 5, "T": 130}):
        inputs = trial_inputs(model, sizes)
        assert torch.equal(run(loaded(exported.data), inputs), run(model, inputs))


@pytest.mark.parametrize(
    ("layers", "sizes"),
    [
        (
            [{"StoreAs": "a"}, {"MaxPool1d": {"kernel_size": 2}}, UP, {"AddWith": "a"}],
            "T ≥ 4 and T a multiple of 2",
        ),
        (
            [{"Conv1d": {"out_channels": 2, "kernel_size": 9}}],
            "T ≥ 10",
        ),  # torch takes an axis of 1 for a case of its own
    ],
    ids=["skip over pooling", "unpadded"],
)
def test_the_sizes_that_the_file_takes(layers: list[Any], sizes: str) -> None:
    exported = export(chain(*layers), "torch-export")
    assert exported.sizes == ("any B", sizes)
    with pytest.raises(AssertionError, match="Guard failed"):
        run(
            loaded(exported.data),
            trial_inputs(chain(*layers), {"B": 1, "T": int(sizes.split()[2]) - 1}),
        )


def test_several_inputs_and_named_outputs() -> None:
    model = mb.compile_graph(TWO).eval()
    module, inputs = (
        loaded(export(model, "torch-export").data),
        trial_inputs(model, {"B": 2, "T": 9}),
    )
    found, wanted = run(module, inputs), run(model, inputs)
    assert isinstance(found, dict)
    assert isinstance(wanted, dict)
    assert list(found) == ["m", "e"]
    assert torch.equal(found["m"], wanted["m"])


def test_the_model_stays_as_it_is() -> None:
    model = chain(
        {
            "MaxPool1d": {
                "name": "pool",
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "ceil_mode": True,
            }
        }
    ).train()
    exported = export(model, "torch-export")
    assert model.training
    assert type(model.get_submodule("pool")).__name__ == "MaxPool1d"
    inputs = trial_inputs(model, {"B": 2, "T": 30})
    assert torch.equal(run(loaded(exported.data), inputs), run(model, inputs))


def test_a_graph_without_free_axes_but_the_batch() -> None:
    model = mb.compile_graph({"input": "B C=2 T=5", "layers": ["ReLU"]})
    assert export(model, "torch-export").sizes == ("any B",)


def test_a_layer_that_resists_is_named() -> None:
    with pytest.raises(GraphError) as caught:
        export(
            chain("ReLU", {"PCEN": {"name": "loudness"}}), "torch-export"
        )  # its steps depend on the number of frames
    assert str(caught.value) == (
        "<dict>:4:3: PCEN 'loudness' cannot be exported with free axes\n"
        "    4 | - PCEN:\n"
        "      |   ^^^^\n"
        "  torch  Guard failed: inputs_0.size()[2] <= 64\n"
        "  help: fix the sizes in `input:`, as in T=64     [E710]"
    )


class Counted(Block):
    """Asks for the number of its frames as a plain integer, which fixes it while torch traces."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.arange(int(x.size(2)), dtype=x.dtype, device=x.device)


def test_a_layer_that_fixes_an_axis_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    example = ((1, 2, 3), {})
    register("Counted", shape="B C T -> B C T", source="none", examples=[example])(
        Counted
    )
    with pytest.raises(GraphError) as caught:
        export(chain("Counted"), "torch-export")
    message = "Counted 'counted_1' cannot be exported with free axes"
    assert caught.value.message == message
    assert caught.value.facts == (
        ("torch", "axis 2 is fixed at 64 while it is traced"),
    )


def test_a_file_that_gives_other_numbers_is_not_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other, model = chain(CONV), chain(CONV)
    wrong = export(other, "torch-export").data
    monkeypatch.setattr(export_module, "_saved", lambda _: wrong)
    with pytest.raises(GraphError) as caught:
        export(model, "torch-export")
    assert caught.value.code == "E712"
    assert caught.value.message.startswith(
        "the exported model differs from the graph by "
    )
    assert caught.value.message.endswith(" at B=1, T=1, so it is not written")


def test_onnx_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(GraphError) as caught:
        export(chain("ReLU"), "onnx")
    assert str(caught.value) == (
        "ONNX needs onnx, onnxscript, onnxruntime, which are not installed\n"
        "  help: pip install onnx onnxscript onnxruntime     [E711]"
    )
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else name
    )
    with pytest.raises(GraphError) as caught:
        export(chain("ReLU"), "onnx")
    assert str(caught.value) == (
        "ONNX needs onnxscript, which is not installed\n"
        "  help: pip install onnxscript     [E711]"
    )


needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason="needs the extra onnx",
)


@needs_onnx
def test_onnx_has_the_graphs_names() -> None:
    import onnx

    exported = export(mb.compile_graph(TWO), "onnx")
    graph = onnx.load_from_string(exported.data).graph
    assert [value.name for value in graph.input] == ["x", "t"]
    assert [value.name for value in graph.output] == ["m", "e"]
    for value in (*graph.input, *graph.output):
        batch, channels, frames = value.type.tensor_type.shape.dim
        assert (batch.dim_param, channels.dim_value, frames.dim_param) == ("B", 2, "T")
    assert 0 <= max(difference for _, difference in exported.differences) < 1e-6


@needs_onnx
def test_onnx_of_a_shipped_graph() -> None:
    exported = export(mb.compile_graph(GRAPHS / "mpe_small.yaml"), "onnx")
    assert exported.sizes == ("any B", "any T")
    assert max(difference for _, difference in exported.differences) < 1e-4


def test_nan_beside_nan_is_no_difference() -> None:
    nan = torch.tensor([float("nan"), 1.0])
    assert export_module._difference(nan, nan) == 0
    assert not export_module._difference(nan, torch.ones(2)) <= 1
    assert tensors({"a": nan})[0] is nan
    assert isinstance(nan, Tensor)
