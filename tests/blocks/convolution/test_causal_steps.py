"""Causal convolutions frame by frame give what they give at once; those that are not causal do not offer it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from mirbricks.compiler.compile import compile_graph
from mirbricks.compiler.stepping import Steps

N = 14


def random_model(layer: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    model = compile_graph({"input": {"x": "B C=4 T"}, "layers": [layer]}).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.4 * torch.randn_like(weight))
    return model


def stepped(model: Any, x: Tensor, sizes: list[int]) -> Tensor:
    """The output of parts of so many frames, one part after another."""
    steps = Steps(model, "x", {}, batch_size=len(x), max_places=x.shape[2])
    return torch.cat([steps(part) for part in x.split(sizes, dim=2)], dim=2)


@hypothesis_settings(max_examples=40)
@given(
    kernel_size=st.integers(2, 5),
    dilation=st.integers(1, 4),
    groups=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
    padding_mode=st.sampled_from(["zeros", "replicate"]),
    batch=st.integers(1, 3),
    first=st.integers(0, N),
)
def test_a_causal_convolution_steps(
    kernel_size: int,
    dilation: int,
    groups: int,
    bias: bool,
    padding_mode: str,
    batch: int,
    first: int,
) -> None:
    settings = {
        "kernel_size": kernel_size,
        "dilation": dilation,
        "groups": groups,
        "bias": bias,
        "padding_mode": padding_mode,
    }
    model = random_model(
        {"Conv1d": {"out_channels": 8, "padding": "causal", **settings}}
    )
    x = torch.randn(batch, 4, N)
    with torch.inference_mode():
        found = stepped(model, x, [first, *[1] * (N - first)])
        torch.testing.assert_close(found, model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("channels", [[4], [5, 4, 4]])
def test_a_tcn_steps(kernel_size: int, channels: list[int]) -> None:
    model = random_model({"TCN": {"channels": channels, "kernel_size": kernel_size}})
    x = torch.randn(2, 4, N)
    with torch.inference_mode():
        found = stepped(model, x, [0, 3, *[1] * (N - 3)])
        torch.testing.assert_close(found, model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        {"Conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}},
        {"Conv1d": {"out_channels": 4, "kernel_size": 3}},
        {"Conv1d": {"out_channels": 4, "kernel_size": 1}},
        {
            "Conv1d": {
                "out_channels": 4,
                "kernel_size": 4,
                "padding": "causal",
                "stride": 2,
            }
        },
        {"TCN": {"channels": [4], "causal": False}},
    ],
)
def test_others_do_not_step(layer: dict[str, Any]) -> None:
    model = random_model(layer)
    assert not model.get_submodule(model.nodes[0].name).can_step
