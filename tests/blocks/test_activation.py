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
from mirbricks.registry import Block

Make = Callable[..., Block]
Array = np.ndarray[Any, np.dtype[np.float64]]

FORMULAS: list[tuple[str, dict[str, Any], Callable[[Array], Array]]] = [
    ("ReLU", {}, lambda x: np.maximum(x, 0)),
    ("LeakyReLU", {}, lambda x: np.where(x > 0, x, 0.01 * x)),
    ("LeakyReLU", {"negative_slope": 0.3}, lambda x: np.where(x > 0, x, 0.3 * x)),
    ("PReLU", {}, lambda x: np.where(x > 0, x, 0.25 * x)),
    ("GELU", {}, lambda x: x * special.ndtr(x)),
    ("GELU", {"approximate": "tanh"}, lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ("SiLU", {}, lambda x: x * special.expit(x)),
    ("ELU", {"alpha": 0.5}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    ("Sigmoid", {}, special.expit),
    ("Tanh", {}, np.tanh),
    ("Softplus", {"beta": 2}, lambda x: np.log1p(np.exp(2 * x)) / 2),
    ("Softmax", {"dim": 1}, lambda x: special.softmax(x, axis=1)),
    ("LogSoftmax", {"dim": -1}, lambda x: special.log_softmax(x, axis=-1)),
    ("Abs", {}, np.abs),
]


@pytest.mark.parametrize(("name", "config", "formula"), FORMULAS)
def test_equals_its_formula(make: Make, name: str, config: dict[str, Any], formula: Callable[[Array], Array]) -> None:
    x = 3 * torch.randn(2, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(make(name, x.shape, **config)(x).detach(), torch.from_numpy(formula(x.numpy())))


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_asks_for_its_axis(name: str) -> None:
    with pytest.raises(ValidationError, match="dim"):
        mb.blocks()[name].cls.Config()


@pytest.mark.parametrize("block", ["Softmax", "LogSoftmax"])
def test_an_axis_that_is_not_there_is_told_by_the_compiler(block: str) -> None:
    with pytest.raises(mb.MirbricksError, match=f"{block} cannot run") as caught:
        mb.compile_graph({"input": "B C=2 T", "layers": [{block: {"dim": 3}}]})
    assert ("torch", "'dim' is 3, but the tensor has 3 axes, 0 to 2") in caught.value.facts
