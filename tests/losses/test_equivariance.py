"""Losses of transpositions against loops over their formulas, and where they are least."""

from __future__ import annotations

import math

import pytest
import torch

from mirbricks.losses.equivariance import (
    shifted_cross_entropy,
    symmetric_cross_entropy,
    transposition_loss,
)

BINS = 40


def answers(seed: int, b: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(b, BINS, generator=generator, dtype=torch.float64)


def peak(at: int, b: int = 1) -> torch.Tensor:
    """Nearly all of the probability in one bin."""
    logits = torch.zeros(b, BINS, dtype=torch.float64)
    logits[:, at] = 30.0
    return logits


def test_shifted_cross_entropy_is_its_sum() -> None:
    one, other = answers(0), answers(1)
    shifts = torch.tensor([0, 3, -5, 12, -1, 39])
    y, z = one.softmax(1), other.softmax(1)
    total = 0.0
    for row, k in enumerate(shifts.tolist()):
        for i in range(BINS):
            for from_, to, j in ((y, z, i + k), (z, y, i - k)):
                there = float(to[row, j]) if 0 <= j < BINS else 1e-6
                total -= float(from_[row, i]) * math.log(there) / 2
    found = shifted_cross_entropy(one, other, shifts)
    assert float(found) == pytest.approx(total / 6)
    still = torch.zeros(6, dtype=torch.long)
    torch.testing.assert_close(
        shifted_cross_entropy(one, other, still), symmetric_cross_entropy(one, other)
    )


def test_transposition_loss_is_its_formula() -> None:
    one, other = answers(2), answers(3)
    shifts = torch.tensor([0, 3, -5, 12, -1, 7])
    total = 0.0
    for row, k in enumerate(shifts.tolist()):
        below = sum(2 ** (i / 12) * float(one.softmax(1)[row, i]) for i in range(BINS))
        above = sum(
            2 ** (i / 12) * float(other.softmax(1)[row, i]) for i in range(BINS)
        )
        off = abs(above / below - 2 ** (k / 12))
        total += off**2 / 2 if off < 0.1 else 0.1 * (off - 0.05)
    found = transposition_loss(one, other, shifts, bins_per_octave=12)
    assert float(found) == pytest.approx(total / 6)


@pytest.mark.parametrize("k", [-7, 0, 5])
def test_an_answer_that_moves_with_the_sound_costs_next_to_nothing(k: int) -> None:
    shifts = torch.tensor([k])
    here, there, wrong = peak(20), peak(20 + k), peak(22 + k)
    for loss in (
        lambda other: transposition_loss(here, other, shifts, 12),
        lambda other: shifted_cross_entropy(here, other, shifts),
    ):
        assert float(loss(there)) < 1e-6
        assert float(loss(wrong)) > 0.001


@pytest.mark.parametrize(("at", "k"), [(0, -5), (39, 5), (0, 5), (39, -5)])
def test_an_answer_that_stays_at_an_end_is_no_way_out(at: int, k: int) -> None:
    still = shifted_cross_entropy(peak(at), peak(at), torch.tensor([k]))
    assert float(still) > 10.0


def test_every_loss_has_gradients_for_both_answers() -> None:
    one, other = answers(4).requires_grad_(), answers(5).requires_grad_()
    shifts = torch.tensor([0, 3, -5, 12, -1, 7])
    loss = (
        symmetric_cross_entropy(one, other)
        + shifted_cross_entropy(one, other, shifts)
        + transposition_loss(one, other, shifts, 12)
    )
    loss.backward()
    assert one.grad is not None
    assert other.grad is not None
    assert one.grad.abs().sum() > 0 < other.grad.abs().sum()
