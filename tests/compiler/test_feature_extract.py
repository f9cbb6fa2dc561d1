"""Named nodes' outputs, against hooks on the whole model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks.errors import GraphError

GRAPH = {
    "input": {"x": "B C=2 T", "t": "B C=2 T"},
    "layers": [
        {
            "Conv1d": {
                "name": "first",
                "out_channels": 3,
                "kernel_size": 3,
                "padding": "same",
            }
        },
        {"StoreAs": "E1"},
        {"BatchNorm1d": {"name": "enc.norm"}},
        "ReLU",
        {"AddWith": "E1"},
        {"StoreAs": "E2"},
        {"Conv1d": {"name": "mid", "out_channels": 3, "kernel_size": 1}},
        {"Reuse": "mid"},
        {"CatWith": "E2"},
        {"Dropout": {"name": "after"}},
    ],
}


def hooked(model: nn.Module, names: list[str], *inputs: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _, __, y, name=name: found.__setitem__(name, y)
        )
        for name in names
    ]
    model(*inputs)
    for handle in handles:
        handle.remove()
    return found


def test_named_nodes_and_stored_tensors() -> None:
    model, x, t = (
        mb.compile_graph(GRAPH).eval(),
        torch.randn(2, 2, 9),
        torch.randn(2, 2, 9),
    )
    extracted = mb.feature_extract(model, ["mid", "enc.norm", "first", "E2"])
    found, expected = extracted(x, t), hooked(model, ["mid", "enc.norm", "first"], x, t)
    assert list(found) == ["mid", "enc.norm", "first", "E2"]
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert torch.equal(
        found["E2"], torch.relu(expected["enc.norm"]) + expected["first"]
    )
    assert extracted.output_shapes == dict.fromkeys(found, ("B", 3, "T"))


def test_weights_are_shared_and_nothing_more_is_run() -> None:
    model = mb.compile_graph(GRAPH)
    extracted = mb.feature_extract(model, ["first"])
    assert extracted.get_submodule("first") is model.get_submodule("first")
    assert [op.kind for op in extracted.ops] == ["run", "StoreAs"]
    assert extracted.training
    with torch.no_grad():
        model.get_submodule("first").weight.zero_()
    assert (
        extracted(torch.randn(1, 2, 4), torch.randn(1, 2, 4))["first"].std(2).max()
        < 1e-6
    )


def test_gradients_reach_the_model() -> None:
    model = mb.compile_graph(GRAPH)
    mb.feature_extract(model, ["mid"])(torch.randn(2, 2, 5), torch.randn(2, 2, 5))[
        "mid"
    ].sum().backward()
    assert model.get_submodule("first").weight.grad is not None


def test_a_lone_name_is_one_name() -> None:
    model = mb.compile_graph(GRAPH)
    assert mb.feature_extract(model, "mid").graph.outputs == ("mid",)
    with pytest.raises(GraphError, match="no node named 'mdi'"):
        mb.feature_extract(model, "mdi")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["mdi"], "did you mean 'mid'"),
        (["E9"], "there are: first, E1, enc.norm, relu_1, E2, mid, after"),
        ([], "there are: first"),
    ],
)
def test_unknown_names(names: list[str], text: str) -> None:
    with pytest.raises(GraphError) as caught:
        mb.feature_extract(mb.compile_graph(GRAPH), names)
    assert caught.value.code == "E112"
    assert text in str(caught.value)
