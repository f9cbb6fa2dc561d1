"""Pooling: plain means and maxima, and the learned weights between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
SHAPE = (2, 6, 3, 7)


def autopool(name: str, alpha: float) -> Block:
    spec = registry.get(name)
    return registry.build(spec, spec.cls.Config(alpha_init=alpha)).double()


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [2, -1, [1, 3]])
def test_mean_and_max(make: Make, dim: int | list[int], keepdim: bool) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    axis = tuple(dim) if isinstance(dim, list) else dim
    for name, reference in (("Mean", np.mean), ("Max", np.max)):
        expected = torch.from_numpy(reference(x.numpy(), axis=axis, keepdims=keepdim))
        torch.testing.assert_close(make(name, SHAPE, dim=dim, keepdim=keepdim)(x), expected)


@given(st.floats(-20, 20))
def test_autopool_by_its_formula(alpha: float) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    values = x.numpy()
    expected = (values * special.softmax(alpha * values, axis=-1)).sum(-1, keepdims=True)
    torch.testing.assert_close(
        autopool("AutoPool", alpha)(x).detach(), torch.from_numpy(expected), atol=1e-6, rtol=1e-5
    )


def test_autopool_goes_from_the_mean_to_the_maximum() -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(autopool("AutoPool", 0.0)(x), x.mean(-1, keepdim=True))
    torch.testing.assert_close(autopool("AutoPool", 1.0)(x), (x * x.softmax(-1)).sum(-1, keepdim=True))
    torch.testing.assert_close(autopool("AutoPool", 1e6)(x), x.amax(-1, keepdim=True))
    torch.testing.assert_close(autopool("AutoPool", -1e6)(x), x.amin(-1, keepdim=True))


def test_autopool_starts_as_the_mean_and_learns_its_alpha(make: Make) -> None:
    block, x = make("AutoPool", SHAPE), torch.randn(SHAPE, dtype=torch.float64)
    assert block.alpha == 0
    block(x).sum().backward()
    torch.testing.assert_close(block.alpha.grad, x.var(-1, correction=0).sum())  # d/dα of the mean at α = 0


@pytest.mark.parametrize("name", ["AutoPool", "AutoPoolSplit"])
def test_huge_values_stay_finite(name: str) -> None:
    block, x = autopool(name, 50.0).float(), 1e4 * torch.randn(SHAPE)
    y = block(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert block.alpha.grad.isfinite()


def test_autopool_split_weighs_one_half_by_the_other() -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    values, weights = x.numpy()[:, :3], special.softmax(0.7 * x.numpy()[:, 3:], axis=-1)
    expected = torch.from_numpy((values * weights).sum(-1, keepdims=True))
    torch.testing.assert_close(autopool("AutoPoolSplit", 0.7)(x).detach(), expected)


def test_softmax_pool_split_is_autopool_split_at_one(make: Make) -> None:
    x = torch.randn(SHAPE, dtype=torch.float64)
    values, weights = x.numpy()[:, :3], special.softmax(x.numpy()[:, 3:], axis=-1)
    expected = torch.from_numpy((values * weights).sum(-1, keepdims=True))
    torch.testing.assert_close(make("SoftmaxPoolSplit", SHAPE)(x), expected)
    torch.testing.assert_close(autopool("AutoPoolSplit", 1.0)(x).detach(), expected)
