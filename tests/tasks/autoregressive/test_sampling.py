"""Sampling against brute force: every set of codes is tried."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.tasks.autoregressive.config import SamplingConfig
from mirbricks.tasks.autoregressive.sampling import (
    Draw,
    drawn,
    guided,
    next_codes,
    only_top_k,
    only_top_p,
    probabilities,
)

NUMBERS = st.integers(-800, 800).map(lambda number: number / 100)
LOGITS = st.lists(NUMBERS, min_size=2, max_size=6, unique=True)


def kept(logits: torch.Tensor) -> set[int]:
    return set(torch.nonzero(logits > -math.inf).flatten().tolist())


@given(LOGITS, st.integers(1, 7))
def test_top_k_is_the_best_of_all_sets_of_k(values: list[float], k: int) -> None:
    logits = torch.tensor(values)
    sets = itertools.combinations(range(len(values)), min(k, len(values)))
    best = max(sets, key=lambda some: sum(values[i] for i in some))
    found = only_top_k(logits, k)
    assert kept(found) == set(best)
    assert torch.equal(found[list(best)], logits[list(best)])


@given(LOGITS, st.floats(0.01, 1.0))
def test_top_p_is_the_smallest_set_that_reaches_p(
    values: list[float], p: float
) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    shares = logits.softmax(-1)
    found = only_top_p(logits, p)
    chosen = kept(found)
    reached = float(shares[list(chosen)].sum())
    assert reached >= min(p, 1.0) - 1e-12
    # Every smaller set has less: so no other choice would do with fewer codes.
    for some in itertools.combinations(range(len(values)), len(chosen) - 1):
        assert float(shares[list(some)].sum()) < p + 1e-12
    assert min(values[i] for i in chosen) >= max(
        [values[i] for i in range(len(values)) if i not in chosen], default=-math.inf
    )
    assert torch.equal(found[list(chosen)], logits[list(chosen)])


@given(LOGITS, st.floats(0.1, 4.0))
def test_temperature(values: list[float], temperature: float) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    powers = [math.exp(value / temperature) for value in values]
    expected = torch.tensor(powers, dtype=torch.float64) / sum(powers)
    found = probabilities(logits, temperature=temperature)
    torch.testing.assert_close(found, expected)


def test_at_temperature_0_the_best_is_certain() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0], [2.0, -1.0, 0.0]])
    assert probabilities(logits, temperature=0.0).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_all_together() -> None:
    """Temperature first, then the k best, then the nucleus of what those share out."""
    logits = torch.tensor([4.0, 3.0, 2.0, 1.0]).double()
    found = probabilities(logits, temperature=2.0, top_k=3, top_p=0.6)
    three = (logits[:3] / 2).softmax(-1)
    assert float(three[0]) < 0.6 < float(three[:2].sum())
    expected = (logits[:2] / 2).softmax(-1)
    torch.testing.assert_close(found[:2], expected)
    assert found[2:].tolist() == [0, 0]


def test_guidance() -> None:
    with_condition = torch.tensor([1.0, 2.0])
    without = torch.tensor([0.0, 2.0])
    assert guided(with_condition, without, 1.0).tolist() == [1, 2]
    assert guided(with_condition, without, 0.0).tolist() == [0, 2]
    assert guided(with_condition, without, 3.0).tolist() == [3, 2]


@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4)])
def test_codes_are_drawn_as_often_as_they_are_probable(shape: tuple[int, ...]) -> None:
    shares = torch.tensor([0.5, 0.3, 0.2, 0.0]).expand(shape).contiguous()
    generator = torch.Generator().manual_seed(0)
    many = torch.stack([drawn(shares, generator) for _ in range(2000)])
    assert many.shape[1:] == shape[:-1]
    counts = torch.bincount(many.flatten(), minlength=4) / many.numel()
    torch.testing.assert_close(counts, shares.flatten()[:4], atol=0.03, rtol=0)
    again = drawn(shares, torch.Generator().manual_seed(0))
    assert torch.equal(again, many[0])


def test_each_code_of_a_place_is_drawn_in_its_own_way() -> None:
    config = SamplingConfig(
        top_p=0.9, conditions=("pitch",), condition_dropout=0.1, guidance=2.0
    )
    logits = torch.randn(4, 3, 8)  # two rows with conditions, two without
    draws = (Draw(0.0, 1.0), Draw(0.5, 1.0), Draw(3.0, 4.0))
    found = []
    for seed in range(600):
        generator = torch.Generator().manual_seed(seed)
        found.append(next_codes(logits, 2, config, generator, draws))
    codes = torch.stack(found)
    assert torch.equal(codes[:, :, 0], logits[:2, 0].argmax(-1).expand(600, 2))
    for level, draw in enumerate(draws):
        moved = guided(logits[:2, level], logits[2:, level], draw.guidance)
        expected = probabilities(moved, temperature=draw.temperature, top_p=0.9)
        counts = torch.nn.functional.one_hot(codes[:, :, level], 8).float().mean(0)
        torch.testing.assert_close(counts, expected, atol=0.1, rtol=0)


def test_codes_that_are_drawn_alike_are_those_of_the_settings() -> None:
    config = SamplingConfig(
        temperature=0.7, conditions=("pitch",), condition_dropout=0.1, guidance=2.0
    )
    logits = torch.randn(8, 3, 9)
    both = []
    for draws in (None, (Draw(0.7, 2.0),) * 3):
        generator = torch.Generator().manual_seed(2)
        both.append(next_codes(logits, 4, config, generator, draws))
    assert torch.equal(*both)
