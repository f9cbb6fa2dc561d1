"""Activations against their formulas in numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import special

import mirbricks as mb
from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
Array = np.ndarray[Any, np.dtype[np.float64]]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # of the paper's eq. 14

FORMULAS: list[tuple[str, dict[str, Any], Callable[[Array], Array]]] = [
    ("ReLU", {}, lambda x: np.maximum(x, 0)),
    ("LeakyReLU", {}, lambda x: np.where(x > 0, x, 0.01 * x)),
    ("LeakyReLU", {"negative_slope": 0.3}, lambda x: np.where(x > 0, x, 0.3 * x)),
    ("PReLU", {}, lambda x: np.where(x > 0, x, 0.25 * x)),
    ("GELU", {}, lambda x: x * special.ndtr(x)),
    (
        "GELU",
        {"approximate": "tanh"},
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    ("SiLU", {}, lambda x: x * special.expit(x)),
    ("ELU", {"alpha": 0.5}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    ("CELU", {}, lambda x: np.where(x > 0, x, np.expm1(x))),
    ("CELU", {"alpha": 0.5}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x / 0.5))),
    ("SELU", {}, lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x))),
    ("Mish", {}, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    ("LogSigmoid", {}, lambda x: -np.log1p(np.exp(-x))),
    ("Softsign", {}, lambda x: x / (1 + np.abs(x))),
    ("Tanhshrink", {}, lambda x: x - np.tanh(x)),
    ("Sigmoid", {}, special.expit),
    ("Tanh", {}, np.tanh),
    ("Softplus", {"beta": 2}, lambda x: np.log1p(np.exp(2 * x)) / 2),
    ("Softmax", {"dim": 1}, lambda x: special.softmax(x, axis=1)),
    ("LogSoftmax", {"dim": -1}, lambda x: special.log_softmax(x, axis=-1)),
    ("Abs", {}, np.abs),
    ("Snake", {}, lambda x: x + np.sin(x) ** 2),
    ("Snake", {"alpha": 0.3}, lambda x: x + np.sin(0.3 * x) ** 2 / 0.3),
    (
        "Snake",
        {"alpha": 3.0, "logarithmic": True},
        lambda x: x + np.sin(3 * x) ** 2 / 3,
    ),
]


@pytest.mark.parametrize(("name", "config", "formula"), FORMULAS)
def test_equals_its_formula(
    make: Make, name: str, config: dict[str, Any], formula: Callable[[Array], Array]
) -> None:
    x = 3 * torch.randn(2, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(
        make(name, x.shape, **config)(x).detach(), torch.from_numpy(formula(x.numpy()))
    )


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_asks_for_its_axis(name: str) -> None:
    with pytest.raises(ValidationError, match="dim"):
        registry.blocks()[name].cls.Config()


def test_selu_keeps_mean_and_variance_of_a_normal_input(make: Make) -> None:
    """The fixed point that its two numbers are made for, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    x = torch.from_numpy(nodes)
    y = make("SELU", x.shape)(x).numpy()
    mean, square = (np.sum(weights * value) / np.sqrt(2 * np.pi) for value in (y, y**2))
    np.testing.assert_allclose(
        [mean, square], [0, 1], atol=1e-3
    )  # the kink at 0 costs the quadrature digits


@pytest.mark.parametrize("name", ["LogSigmoid", "Mish", "Softplus"])
def test_far_from_zero_there_is_no_overflow(make: Make, name: str) -> None:
    x = torch.tensor([-1e4, 1e4], dtype=torch.float64)
    expected = {"LogSigmoid": [-1e4, 0], "Mish": [0, 1e4], "Softplus": [0, 1e4]}[name]
    torch.testing.assert_close(make(name, x.shape)(x), torch.tensor(expected).double())


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_a_softmax_does_not_mix_the_batch(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.blocks()[name].cls.Config(dim=0)
    message = "Value error, 'dim' cannot be 0, the batch: its items do not mix"
    assert [error["msg"] for error in caught.value.errors()] == [message]


@pytest.mark.parametrize("block", ["Softmax", "LogSoftmax"])
def test_an_axis_that_is_not_there_is_told_by_the_compiler(block: str) -> None:
    with pytest.raises(mb.MirbricksError, match=f"{block} cannot run") as caught:
        mb.compile_graph({"input": "B C=2 T", "layers": [{block: {"dim": 3}}]})
    assert (
        "torch",
        "'dim' is 3, but the tensor has 3 axes, 0 to 2",
    ) in caught.value.facts


def test_snake_learns_an_alpha_per_channel(make: Make) -> None:
    x = torch.randn(2, 3, 7, dtype=torch.float64)
    block = make("Snake", x.shape)
    alpha = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    block.load_state_dict({"alpha": alpha})
    by_hand = torch.stack(
        [
            x[:, i] + (1 - (2 * alpha[i] * x[:, i]).cos()) / (2 * alpha[i])
            for i in range(3)
        ],
        dim=1,
    )
    torch.testing.assert_close(block(x).detach(), by_hand)
    # An alpha that has passed to zero gives the identity, not NaN.
    block.load_state_dict({"alpha": torch.zeros(3)})
    torch.testing.assert_close(block(x).detach(), x)
