"""Random shifts: every item by its own number of frames, mirrored at the ends; nothing in eval()."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.registry import Block

Make = Callable[..., Block]


def moved(x: Tensor, frames: int, n: int) -> Tensor:
    """One item, (C, T), `frames` later, by numpy's reflection."""
    mirrored = np.pad(x.numpy(), ((0, 0), (n, n)), mode="reflect")
    return torch.from_numpy(mirrored[:, n - frames : n - frames + x.shape[1]])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_each_item_is_moved_by_its_own_number(make: Make, n: int) -> None:
    x = torch.randn(300, 2, 7, dtype=torch.float64)
    y = make("PhaseShuffle", x.shape, n=n).train()(x)
    found = []
    for item, went in zip(x, y, strict=True):
        fits = [k for k in range(-n, n + 1) if torch.equal(moved(item, k, n), went)]
        assert len(fits) == 1
        found += fits
    # Every move comes, each about as often as the others: 300 / 11 = 27 ± 5 at the least.
    counts = np.bincount(np.array(found) + n, minlength=2 * n + 1)
    assert counts.min() > 300 / (2 * n + 1) / 2
    assert counts.max() < 300 / (2 * n + 1) * 2


def test_it_is_the_identity_in_eval_and_draws_nothing(make: Make) -> None:
    x = torch.randn(3, 2, 7)
    before = torch.get_rng_state()
    assert torch.equal(make("PhaseShuffle", x.shape).eval()(x), x)
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_follow_the_move(make: Make) -> None:
    x = torch.randn(4, 1, 9, dtype=torch.float64, requires_grad=True)
    make("PhaseShuffle", x.shape).train()(x).sum().backward()
    assert x.grad is not None
    # Every output is one input: the gradients count how often each was taken.
    assert (x.grad == x.grad.round()).all()
    assert x.grad.sum((1, 2)).tolist() == [9.0] * 4


def test_too_few_frames_are_refused_with_both_numbers() -> None:
    graph = {"input": "B C=1 T=3", "layers": [{"PhaseShuffle": {"n": 3}}]}
    with pytest.raises(mb.MirbricksError) as told:
        mb.compile_graph(graph)
    assert "needs at least 4, but 3 came" in str(told.value)
