"""Whitening against the covariance by its definition."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mirbricks.errors import MirbricksError
from mirbricks.registry import Block

Make = Callable[..., Block]


def batches() -> torch.Tensor:
    mixing = torch.tensor(
        [[3.0, 1, 0, 0], [0, 2, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0.5]],
        dtype=torch.float64,
    )
    return torch.randn(3, 40, 4, dtype=torch.float64) @ mixing + 5


def test_all_components_are_uncorrelated_and_alike(make: Make) -> None:
    block, x = (
        make("Whitening", (40, 4), out_features=4, shrinkage=0.0).train(),
        batches(),
    )
    for one in x:
        block(one)
    y = block.eval()(x.flatten(0, 1))
    torch.testing.assert_close(
        y.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-9, rtol=0
    )
    torch.testing.assert_close(
        y.T @ y / len(y), torch.eye(4, dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_the_greatest_are_kept_and_shrunk(make: Make) -> None:
    block, x = (
        make("Whitening", (40, 4), out_features=2, shrinkage=0.5).train(),
        batches(),
    )
    for one in x:
        block(one)
    flat = x.flatten(0, 1)
    _, values, right = torch.linalg.svd((flat - flat.mean(0)) / len(flat) ** 0.5)
    variance = values[:2].square()
    wanted = (
        (flat - flat.mean(0)) @ right[:2].T / (variance + 0.5 * variance.mean()).sqrt()
    )
    torch.testing.assert_close(
        block.eval()(flat).abs(), wanted.abs(), atol=1e-6, rtol=0
    )


def test_the_weight_learns_and_the_statistics_have_no_gradient(make: Make) -> None:
    block, x = make("Whitening", (40, 4), out_features=3).train(), batches()[0]
    block(x).square().sum().backward()
    assert {name for name, _ in block.named_parameters()} == {"weight"}
    assert block.weight.grad is not None
    assert not block.running_square.requires_grad


def test_data_that_do_not_vary(make: Make) -> None:
    block = make("Whitening", (1, 4), out_features=3, shrinkage=0.0).train()
    assert block(torch.ones(1, 4, dtype=torch.float64)).isfinite().all()


def test_more_components_than_numbers(make: Make) -> None:
    with pytest.raises(
        (MirbricksError, ValueError), match="5 components of 4 numbers cannot be kept"
    ):
        make("Whitening", (40, 4), out_features=5)


def test_it_learns_under_autocast(make: Make) -> None:
    block, x = (
        make("Whitening", (40, 4), out_features=3).float().train(),
        batches()[0].float(),
    )
    with torch.autocast("cpu", torch.bfloat16):
        block(x)
    torch.testing.assert_close(block.running_mean, x.mean(0))
