"""Finite scalar quantization against its formula, channel by channel."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
NAME = "FiniteScalarQuantizer"
LEVELS = [8, 6, 5, 3]


def formula(z: np.ndarray, n_levels: int) -> np.ndarray:
    """Integers from -(L // 2) to (L - 1) // 2."""
    offset = 0.0 if n_levels % 2 else 0.5
    reach = (n_levels - 1) / 2
    return np.round(np.tanh(z + math.atanh(offset / reach)) * reach - offset)


def test_channels_by_the_formula(make: Make) -> None:
    x = 2 * torch.randn(2, 4, 3, 50, dtype=torch.float64)
    block = make(NAME, x.shape, levels=LEVELS)
    y, codes = block(x).numpy(), np.zeros((2, 3, 50), dtype=np.int64)
    stride = 1
    for channel, n_levels in enumerate(LEVELS):
        integers = formula(x[:, channel].numpy(), n_levels)
        np.testing.assert_array_equal(y[:, channel], integers / (n_levels // 2))
        codes += stride * (integers.astype(np.int64) + n_levels // 2)
        stride *= n_levels
    assert np.array_equal(block.encode(x).numpy(), codes)


def test_every_code_comes_back(make: Make) -> None:
    block = make(NAME, (1, 4, 9), levels=LEVELS)
    codes = torch.arange(8 * 6 * 5 * 3).view(1, 8, 90)
    values = block.decode(codes).double()
    assert values.shape == (1, 4, 8, 90)
    assert values.abs().max() == 1
    assert len(values.flatten(2)[0].T.unique(dim=0)) == codes.numel()
    reach = (torch.tensor(LEVELS) - 1) / 2
    offset = (torch.tensor(LEVELS) // 2 - reach).double()
    integers = values * (torch.tensor(LEVELS) // 2)[:, None, None]
    inside = ((integers + offset[:, None, None]) / reach[:, None, None]).clamp(
        -1 + 1e-9, 1 - 1e-9
    )
    x = inside.atanh() - (offset / reach).atanh()[:, None, None]
    assert torch.equal(block.encode(x), codes)
    assert torch.equal(block(x).float(), values.float())


@pytest.mark.parametrize("n_levels", [3, 4, 5, 1000, 65536])
def test_all_levels_are_reached_and_zero_stays(make: Make, n_levels: int) -> None:
    block = make(NAME, (1, 1, 9), levels=[n_levels])
    ends = block.encode(torch.tensor([[[-40.0, 0.0, 40.0]]], dtype=torch.float64))
    assert ends.tolist() == [[0, n_levels // 2, n_levels - 1]]
    assert block(torch.zeros(1, 1, 1, dtype=torch.float64)) == 0


def test_rounding_passes_the_gradient_and_the_bound_has_its_own(make: Make) -> None:
    x = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    g = torch.randn(2, 4, 5, dtype=torch.float64)
    make(NAME, x.shape, levels=LEVELS)(x).backward(g)
    for channel, n_levels in enumerate(LEVELS):
        reach, offset = (n_levels - 1) / 2, 0.0 if n_levels % 2 else 0.5
        slope = (
            (1 - (x[:, channel] + math.atanh(offset / reach)).tanh() ** 2)
            * reach
            / (n_levels // 2)
        )
        torch.testing.assert_close(x.grad[:, channel], (g[:, channel] * slope).detach())


def test_perplexity_and_usage(make: Make) -> None:
    block = make(NAME, (1, 2, 9), levels=[4, 4])
    torch.testing.assert_close(block.perplexity(torch.arange(8)), torch.tensor(8.0))
    torch.testing.assert_close(
        block.usage(torch.arange(8).view(2, 4)), torch.tensor(0.5)
    )


def test_it_has_no_state(make: Make) -> None:
    block = make(NAME, (1, 2, 9), levels=[4, 4])
    assert not block.state_dict()
    assert not list(block.parameters())


@pytest.mark.parametrize("levels", [[], [2], [5, 1], [65537], [2**16] * 4])
def test_what_the_config_refuses(levels: list[int]) -> None:
    with pytest.raises(ValidationError):
        registry.get(NAME).cls.Config(levels=levels)


def test_a_channel_for_each_of_the_levels() -> None:
    graph = {"input": "B C=3 T", "layers": [{NAME: {"levels": [5, 5]}}]}
    with pytest.raises(GraphError, match="must be 2, got 3"):
        mb.compile_graph(graph)


def test_the_most_codes_that_int64_holds_come_back() -> None:
    levels = [2**16, 2**16, 2**16, 2**14]
    block = registry.get(NAME).cls(registry.get(NAME).cls.Config(levels=levels))
    last = torch.tensor([[2**62 - 1]])
    assert torch.equal(
        block.decode(last),
        torch.tensor([(n - 1 - n // 2) / (n // 2) for n in levels])[None, :, None],
    )
    with pytest.raises(ValidationError, match="at most 2\\^62"):
        registry.get(NAME).cls.Config(levels=[*levels, 3])
