"""Activations along an axis against scipy, all of torch's by name, and which of them need an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import special
from torch import nn

import mirbricks as mb
from mirbricks import registry
from mirbricks.blocks.pointwise.softmax import OVER_AN_AXIS, Function
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
Array = np.ndarray[Any, np.dtype[np.float64]]
SHAPE = (2, 4, 6, 5)
TORCHS = set(nn.modules.activation.__all__) - {"MultiheadAttention"}
ALONG: dict[str, Callable[[Array, int], Array]] = {
    "Softmax": lambda x, axis: special.softmax(x, axis=axis),
    "LogSoftmax": lambda x, axis: special.log_softmax(x, axis=axis),
    "Softmin": lambda x, axis: special.softmax(-x, axis=axis),
    "GLU": lambda x, axis: (
        np.split(x, 2, axis)[0] * special.expit(np.split(x, 2, axis)[1])
    ),
}


def refusal(axes: str, layer: dict[str, Any]) -> str:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": axes, "layers": [layer]})
    return str(caught.value)


@pytest.mark.parametrize("dim", [1, 2, -2])
@pytest.mark.parametrize("name", ALONG)
def test_along_an_axis_by_scipy(make: Make, name: str, dim: int) -> None:
    x = 3 * torch.randn(SHAPE, dtype=torch.float64)
    expected = torch.from_numpy(ALONG[name](x.numpy(), dim))
    torch.testing.assert_close(
        make("Activation", SHAPE, function=name, dim=dim)(x), expected
    )
    if name != "GLU" or dim == 1:
        own = make(name, SHAPE, **({} if name == "GLU" else {"dim": dim}))
        torch.testing.assert_close(own(x), expected)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Softmin"])
def test_large_values_stay_exact(make: Make, name: str) -> None:
    x = 1e4 * torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(
        make(name, SHAPE, dim=1)(x), torch.from_numpy(ALONG[name](x.numpy(), 1))
    )


def test_softmax_2d_is_over_the_channels(make: Make) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    expected = torch.from_numpy(special.softmax(x.numpy(), axis=1))
    torch.testing.assert_close(make("Softmax2d", SHAPE)(x), expected)
    torch.testing.assert_close(
        make("Activation", SHAPE, function="Softmax2d")(x), expected
    )


def test_every_activation_of_torch_is_a_block_and_goes_by_its_name() -> None:
    """Threshold has no values of torch's own, so only its block can be asked for."""
    assert set(registry.blocks()) >= TORCHS
    assert set(get_args(Function)) == TORCHS - {"Threshold"}
    for name in TORCHS:
        assert issubclass(registry.blocks()[name].cls, getattr(nn, name))


@pytest.mark.parametrize("name", sorted(TORCHS - {"Threshold"}))
def test_by_name_it_is_torchs_own(make: Make, name: str) -> None:
    """With torch's settings; those of its own block are the same."""
    x = 3 * torch.randn(SHAPE, dtype=torch.float64)
    axis = {"dim": 1} if name in OVER_AN_AXIS else {}
    torchs = getattr(nn, name)(**axis).double().eval()
    assert type(make("Activation", SHAPE, function=name, **axis).function) is type(
        torchs
    )
    found = make("Activation", SHAPE, function=name, **axis).eval()(x)
    torch.testing.assert_close(found, torchs(x))
    own = make(name, SHAPE, **({} if name == "GLU" else axis)).eval()
    torch.testing.assert_close(own(x), found)


def test_a_name_may_be_a_variable() -> None:
    layers = [
        {"Conv1d": {"out_channels": 3, "kernel_size": 1}},
        {"Activation": {"function": "${act}"}},
    ]
    graph = {"input": "B C=2 T", "vars": {"act": "Mish"}, "layers": layers}
    assert isinstance(list(mb.compile_graph(graph).modules())[-1], nn.Mish)


@pytest.mark.parametrize("name", OVER_AN_AXIS)
def test_the_axis_must_be_said_where_torch_wants_it(name: str) -> None:
    for config in ({}, {"dim": None}):
        with pytest.raises(ValidationError) as caught:
            registry.get("Activation").cls.Config(function=name, **config)
        message = f"Value error, {name} needs 'dim', the axis that it acts along"
        assert [error["msg"] for error in caught.value.errors()] == [message]


@pytest.mark.parametrize("name", sorted(TORCHS - {"Threshold", *OVER_AN_AXIS}))
def test_no_other_takes_an_axis(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get("Activation").cls.Config(function=name, dim=1)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {name} takes no 'dim', got 1"
    ]


def test_in_a_graph_the_axis_is_asked_for() -> None:
    assert refusal("B C=4 T", {"Activation": {"function": "Softmax"}}) == (
        "<dict>:3:3: Activation: Softmax needs 'dim', the axis that it acts along\n"
        "    3 | - Activation:\n"
        "      |   ^^^^^^^^^^\n"
        "  [E106]"
    )


def test_in_a_graph_an_unknown_name_is_told_with_the_nearest() -> None:
    names = ", ".join(f"'{name}'" for name in get_args(Function))
    assert refusal("B C=4 T", {"Activation": {"function": "Relu"}}) == (
        f"<dict>:4:15: Activation: 'function' must be one of {names}, got 'Relu'\n"
        "    4 |     function: Relu\n"
        "      |               ^^^^\n"
        "  help: did you mean 'ReLU' or 'RReLU'?     [E106]"
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"Activation": {"function": "Softmax", "dim": 7}},
            "'dim' is 7, but the tensor has 3 axes, 0 to 2",
        ),
        ({"Softmin": {"dim": -4}}, "'dim' is -4, but the tensor has 3 axes, 0 to 2"),
        (
            {"Softmin": {"dim": -3}},
            "'dim' is -3, which of 3 axes is the batch: its items do not mix",
        ),
        (
            {"Activation": {"function": "GLU", "dim": -3}},
            "'dim' is -3, which of 3 axes is the batch: its items do not mix",
        ),
    ],
)
def test_an_axis_that_is_not_there_or_is_the_batch(
    layer: dict[str, Any], message: str
) -> None:
    (name,) = layer
    assert refusal("B C=4 T", layer) == (
        f"<dict>:3:3: {name} cannot run on this tensor\n"
        f"    3 | - {name}:\n"
        f"      |   {'^' * len(name)}\n"
        "  here   (B, 4, 64)   the input\n"
        f"  torch  {message}\n"
        "  sizes  tried with T=64\n"
        "  help: change its config or the sizes     [E204]"
    )


def test_an_odd_number_of_channels_cannot_be_halved() -> None:
    assert refusal("B C=3 T", {"GLU": {}}).startswith(
        "<dict>:3:3: GLU axis C*2 must be a multiple of 2, got 3 in "
    )


@pytest.mark.parametrize("name", ["Activation", "Softmin"])
def test_compiles_without_a_graph_break(make: Make, name: str) -> None:
    block = make(
        name, SHAPE, dim=1, **({"function": "Softmax"} if name == "Activation" else {})
    )
    x = torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(
        torch.compile(block, fullgraph=True, backend="eager")(x), block(x)
    )
