"""Spectral norm against the singular values, and against torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.utils.parametrizations import spectral_norm

from mirbricks.registry import Block

Make = Callable[..., Block]
CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    (
        "SpectralNormConv1d",
        (2, 3, 12),
        {"out_channels": 5, "kernel_size": 3, "stride": 2, "padding": 1},
    ),
    (
        "SpectralNormConv2d",
        (2, 3, 8, 9),
        {"out_channels": 4, "kernel_size": [3, 4], "stride": 2},
    ),
]


@pytest.mark.parametrize(("name", "shape", "config"), CASES)
def test_the_weight_has_gain_1_once_the_iteration_has_settled(
    make: Make, name: str, shape: tuple[int, ...], config: dict[str, Any]
) -> None:
    block, x = make(name, shape, **config), torch.randn(shape, dtype=torch.float64)
    for _ in range(100):
        block(x)
    plain = make(name.removeprefix("SpectralNorm"), shape, **config)
    largest = torch.linalg.svdvals(block.weight.flatten(1))[0]
    plain.load_state_dict({"weight": block.weight / largest, "bias": block.bias})
    torch.testing.assert_close(block.eval()(x), plain(x))


@pytest.mark.parametrize(("name", "shape", "config"), CASES)
def test_output_and_gradient_are_those_of_torchs_parametrization(
    make: Make, name: str, shape: tuple[int, ...], config: dict[str, Any]
) -> None:
    block, x = make(name, shape, **config), torch.randn(shape, dtype=torch.float64)
    for _ in range(
        200
    ):  # torch iterates 15 times when it is put on: both must have settled
        block(x)
    peer = make(name.removeprefix("SpectralNorm"), shape, **config)
    peer.load_state_dict({"weight": block.weight, "bias": block.bias})
    peer = spectral_norm(peer, n_power_iterations=200)
    weight = peer.parametrizations.weight.original
    torch.testing.assert_close(block(x), peer(x))
    target = torch.randn_like(block(x))
    (block(x) * target).sum().backward()
    (peer(x) * target).sum().backward()
    torch.testing.assert_close(block.weight.grad, weight.grad)


def test_the_iteration_goes_on_in_training_only(make: Make) -> None:
    name, shape, config = CASES[0]
    block, x = make(name, shape, **config), torch.randn(shape, dtype=torch.float64)
    before = block.u.clone()
    block.eval()(x)
    assert torch.equal(block.u, before)
    block.train()(x)
    assert not torch.equal(block.u, before)


def test_two_forwards_before_one_backward(make: Make) -> None:
    name, shape, config = CASES[0]
    block, x = make(name, shape, **config), torch.randn(shape, dtype=torch.float64)
    (
        block(x).sum() - block(2 * x).sum()
    ).backward()  # real and generated, as a discriminator sees them
    assert block.weight.grad.isfinite().all()
