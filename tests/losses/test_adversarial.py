"""Adversarial losses against their formulas, of one discriminator and of several."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mirbricks.losses import (
    feature_matching,
    gradient_penalty,
    hinge_discriminator,
    hinge_generator,
    wasserstein_critic,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_hinge_and_wasserstein_by_their_formulas() -> None:
    real = [noise(2, 3), noise(2, 1, 9, seed=1)]
    fake = [noise(2, 3, seed=2), noise(2, 1, 9, seed=3)]
    r, f = ([scores.numpy() for scores in side] for side in (real, fake))
    hinge = [np.maximum(0, 1 - a).mean() + np.maximum(0, 1 + b).mean() for a, b in zip(r, f, strict=True)]  # fmt: skip
    assert float(hinge_discriminator(real, fake)) == pytest.approx(np.mean(hinge))
    assert float(hinge_discriminator(real[0], fake[0])) == pytest.approx(hinge[0])
    assert float(hinge_generator(fake)) == pytest.approx(
        -np.mean([b.mean() for b in f])
    )
    critic = np.mean([b.mean() - a.mean() for a, b in zip(r, f, strict=True)])
    assert float(wasserstein_critic(real, fake)) == pytest.approx(critic)


def test_gradient_penalty_of_a_linear_critic_is_exact() -> None:
    weights = noise(2, 5)
    found = gradient_penalty(
        lambda x: (x * weights).sum((1, 2)), noise(4, 2, 5), noise(4, 2, 5)
    )
    expected = (float(weights.norm()) - 1) ** 2
    assert float(found) == pytest.approx(expected)


def test_gradient_penalty_lies_between_the_two_and_is_drawn_per_item() -> None:
    seen: list[torch.Tensor] = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x.square().sum(1, keepdim=True)

    real, fake = torch.ones(64, 3), torch.zeros(64, 3)
    found = gradient_penalty(critic, real, fake, torch.Generator().manual_seed(0))
    share = seen[0][:, 0].detach()
    assert (seen[0] == share[:, None]).all()
    assert 0 <= share.min() < 0.1
    assert 0.9 < share.max() <= 1
    # The slope of |x|² is 2x, whose length is 2 √3 times the share.
    expected = (2 * 3**0.5 * share - 1).square().mean()
    assert found.item() == pytest.approx(float(expected), rel=1e-5)
    again = gradient_penalty(critic, real, fake, torch.Generator().manual_seed(0))
    assert again == found


def test_gradient_penalty_trains_the_critic() -> None:
    critic = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)
    )
    penalty = gradient_penalty(
        lambda x: [critic(x), critic(2 * x)], torch.ones(5, 3), torch.zeros(5, 3)
    )
    penalty.backward()
    weight = critic[0].weight.grad
    assert weight is not None
    assert weight.abs().sum() > 0


def test_feature_matching_by_its_formula() -> None:
    real, fake = (
        [
            [noise(2, 3, 4, seed=seed), noise(2, 5, seed=seed + 1)],
            [noise(2, 7, seed=seed + 2)],
        ]
        for seed in (0, 10)
    )
    each = [
        [(a - b).abs().mean() for a, b in zip(*layers, strict=True)]
        for layers in zip(real, fake, strict=True)
    ]
    expected = np.mean([np.mean(one) for one in each])
    assert float(feature_matching(real, fake)) == pytest.approx(expected)
    alone = feature_matching(real[0], fake[0], relative=True)
    wanted = [
        (a - b).abs().mean() / a.abs().mean()
        for a, b in zip(real[0], fake[0], strict=True)
    ]
    assert float(alone) == pytest.approx(np.mean(wanted))


def test_no_gradient_goes_back_to_what_is_real() -> None:
    real, fake = (torch.ones(2, 3, requires_grad=True) for _ in range(2))
    feature_matching([real * 2], [fake * 3]).backward()
    assert real.grad is None
    assert fake.grad is not None


def test_what_does_not_fit_is_refused() -> None:
    one = torch.ones(2)
    with pytest.raises(ValueError, match="2 discriminators scored what is real, 1"):
        hinge_discriminator([one, one], [one])
    with pytest.raises(ValueError, match="at least one discriminator"):
        hinge_generator([])
    with pytest.raises(ValueError, match=r"real \(2,\) and generated \(3,\)"):
        gradient_penalty(lambda x: x, one, torch.ones(3))
    with pytest.raises(ValueError, match=r"\[2\] of what is real, \[1\]"):
        feature_matching([one, one], [one])
    with pytest.raises(ValueError, match="at least one layer"):
        feature_matching([], [])
    with pytest.raises(ValueError, match=r"features \(2,\) .* \(3,\)"):
        feature_matching([one], [torch.ones(3)])
