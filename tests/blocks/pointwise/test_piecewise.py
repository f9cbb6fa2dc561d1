"""Activations made of pieces against numpy, their slopes in training, and ranges that are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
Array = np.ndarray[Any, np.dtype[np.float64]]

FORMULAS: list[tuple[str, dict[str, Any], Callable[[Array], Array]]] = [
    ("ReLU6", {}, lambda x: np.minimum(np.maximum(x, 0), 6)),
    (
        "Threshold",
        {"threshold": 0.5, "value": -2.0},
        lambda x: np.where(x > 0.5, x, -2),
    ),
    ("Hardtanh", {}, lambda x: np.clip(x, -1, 1)),
    ("Hardtanh", {"min_val": -3.0, "max_val": 0.5}, lambda x: np.clip(x, -3, 0.5)),
    ("Hardsigmoid", {}, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    ("Hardswish", {}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("Hardshrink", {}, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    ("Hardshrink", {"lambd": 2.0}, lambda x: np.where(np.abs(x) > 2, x, 0)),
    ("Softshrink", {}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    ("Softshrink", {"lambd": 2.0}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 2, 0)),
]


@pytest.mark.parametrize(("name", "config", "formula"), FORMULAS)
def test_equals_its_formula(
    make: Make, name: str, config: dict[str, Any], formula: Callable[[Array], Array]
) -> None:
    x = 4 * torch.randn(2, 3, 4, 50, dtype=torch.float64)
    x[0, 0, 0, :5] = torch.tensor([-3.0, -0.5, 0.0, 0.5, 6.0])  # where pieces meet
    torch.testing.assert_close(
        make(name, x.shape, **config)(x),
        torch.from_numpy(formula(x.numpy())),
        rtol=0,
        atol=1e-9,
    )


def test_a_random_slope_is_drawn_in_training_and_the_middle_one_in_eval(
    make: Make,
) -> None:
    x = torch.randn(10_000, dtype=torch.float64)
    block = make("RReLU", x.shape, lower=0.1, upper=0.5)
    slopes = block(x) / x
    assert torch.equal(slopes[x > 0], torch.ones_like(slopes[x > 0]))
    below = slopes[x < 0]
    assert below.min() >= 0.1 - 1e-12
    assert below.max() <= 0.5 + 1e-12
    expected = torch.linspace(0.1, 0.5, 5, dtype=torch.float64)[
        1:-1
    ]  # of a uniform distribution
    torch.testing.assert_close(
        torch.quantile(below, torch.tensor([0.25, 0.5, 0.75]).double()),
        expected,
        rtol=0,
        atol=0.02,
    )
    torch.testing.assert_close(block.eval()(x), x.where(x > 0, 0.3 * x))


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "RReLU",
            {"lower": 0.5, "upper": 0.1},
            "'lower' 0.5 is greater than 'upper' 0.1",
        ),
        (
            "Hardtanh",
            {"max_val": -2.0},
            "'min_val' -1.0 must be smaller than 'max_val' -2.0",
        ),
        (
            "Hardtanh",
            {"max_val": -1.0},
            "'min_val' -1.0 must be smaller than 'max_val' -1.0",
        ),
    ],
)
def test_a_range_that_is_none_is_refused(
    name: str, config: dict[str, float], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get(name).cls.Config(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("RReLU", {"upper": math.inf}),
        ("Softshrink", {"lambd": -0.1}),
        ("Hardshrink", {"lambd": math.nan}),
    ],
)
def test_values_that_torch_refuses_are_refused(
    name: str, config: dict[str, float]
) -> None:
    with pytest.raises(ValidationError):
        registry.get(name).cls.Config(**config)


def test_a_threshold_needs_both_its_values() -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get("Threshold").cls.Config()
    assert [(error["loc"], error["type"]) for error in caught.value.errors()] == [
        (("threshold",), "missing"),
        (("value",), "missing"),
    ]
