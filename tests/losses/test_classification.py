"""Losses against their formulas."""

from __future__ import annotations

import pytest
import torch

from mirbricks.losses.classification import binary_cross_entropy


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_binary_cross_entropy_is_its_formula(weight: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 5, 7, generator=generator, dtype=torch.float64)
    targets = torch.rand(2, 1, 5, 7, generator=generator, dtype=torch.float64)
    p = 1.0 / (1.0 + torch.exp(-logits))
    expected = -(weight * targets * p.log() + (1 - targets) * (1 - p).log()).mean()
    torch.testing.assert_close(
        binary_cross_entropy(logits, targets, weight), expected, rtol=1e-12, atol=0
    )


def test_binary_cross_entropy_stays_finite() -> None:
    loss = binary_cross_entropy(torch.tensor([200.0, -200.0]), torch.tensor([0.0, 1.0]))
    assert loss == 200.0


def test_binary_cross_entropy_does_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"logits \(2, 3\) and targets \(3,\) differ"):
        binary_cross_entropy(torch.zeros(2, 3), torch.zeros(3))
