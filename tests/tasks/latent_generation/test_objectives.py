"""Objectives by their formulas; samplers on Gaussians, whose fields have a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.tasks.latent_generation.objectives import Diffusion, RectifiedFlow
from mirbricks.tasks.latent_generation.sampling import ddim, euler, guided, heun

MEAN = torch.tensor([1.5, -0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[2.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
ONE = torch.eye(2, dtype=torch.float64)


def flow_velocity(x: Tensor, t: Tensor) -> Tensor:
    """E[x1 - x0 | x_t = x] for data N(MEAN, COVARIANCE) and noise N(0, 1)."""
    now = t[0]
    spread = now**2 * COVARIANCE + (1 - now) ** 2 * ONE
    moved = now * COVARIANCE - (1 - now) * ONE
    return MEAN + (x - now * MEAN) @ torch.linalg.solve(spread, moved)


def diffusion_output(objective: Diffusion, x: Tensor, t: Tensor) -> Tensor:
    """The best prediction for data N(MEAN, COVARIANCE): of the noise, or of v."""
    kept, added = objective.scales(t[0])
    spread = kept**2 * COVARIANCE + added**2 * ONE
    solved = torch.linalg.solve(spread, (x - kept * MEAN).T).T
    noise = added * solved
    data = MEAN + kept * solved @ COVARIANCE
    if objective.predicts == "epsilon":
        return noise
    return kept * noise - added * data


def pushed_forward(sample) -> tuple[Tensor, Tensor]:
    """Mean and covariance of what an affine sampler makes of N(0, 1): it is known by where it sends three points."""
    points = torch.cat((torch.zeros(1, 2, dtype=torch.float64), ONE))
    ends = sample(points)
    linear = ends[1:] - ends[0]
    return ends[0], linear.T @ linear


def error_of(sample) -> float:
    mean, covariance = pushed_forward(sample)
    return float((mean - MEAN).norm() + (covariance - COVARIANCE).norm())


@pytest.mark.parametrize(("solver", "steps"), [(euler, 8000), (heun, 120)])
def test_the_flow_of_a_gaussian_ends_in_its_mean_and_covariance(solver, steps):
    mean, covariance = pushed_forward(lambda x: solver(flow_velocity, x, steps))

    torch.testing.assert_close(mean, MEAN, atol=1e-3, rtol=0)
    torch.testing.assert_close(covariance, COVARIANCE, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("solver", "order"), [(euler, 1), (heun, 2)])
def test_the_error_falls_with_the_order_of_the_solver(solver, order):
    few = error_of(lambda x: solver(flow_velocity, x, 32))
    many = error_of(lambda x: solver(flow_velocity, x, 64))

    assert math.log2(few / many) == pytest.approx(order, abs=0.15)


def test_a_straight_flow_takes_one_step():
    """Data at a point: every line is straight, and Euler's first step lands there."""
    target = torch.tensor([[3.0, -2.0]])
    x = torch.randn(5, 2)

    landed = euler(lambda x, t: (target - x) / (1 - t[0]), x, 1)

    torch.testing.assert_close(landed, target.expand(5, 2))


@pytest.mark.parametrize("predicts", ["epsilon", "v"])
def test_ddim_of_a_gaussian_ends_in_its_mean_and_covariance(predicts):
    objective = Diffusion(predicts)

    def sample(x: Tensor) -> Tensor:
        return ddim(objective, lambda x, t: diffusion_output(objective, x, t), x, 2000)

    mean, covariance = pushed_forward(sample)

    torch.testing.assert_close(mean, MEAN, atol=1e-2, rtol=0)
    torch.testing.assert_close(covariance, COVARIANCE, atol=1e-2, rtol=0)


def test_ancestral_sampling_of_a_gaussian_has_its_moments():
    objective = Diffusion("v")
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(40_000, 2, generator=generator, dtype=torch.float64)

    samples = ddim(
        objective,
        lambda x, t: diffusion_output(objective, x, t),
        noise,
        200,
        eta=1.0,
        generator=generator,
    )

    # Five standard errors of 40,000 draws, and the error of 200 steps.
    torch.testing.assert_close(samples.mean(0), MEAN, atol=0.05, rtol=0)
    torch.testing.assert_close(samples.T.cov(), COVARIANCE, atol=0.1, rtol=0)


@pytest.mark.parametrize("predicts", ["epsilon", "v"])
def test_what_a_diffusion_learns_gives_data_and_noise_back(predicts):
    objective = Diffusion(predicts)
    data, noise = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    t = torch.linspace(0.0, 0.9, 6, dtype=torch.float64)

    x = objective.moved(data, noise, t)
    target = objective.target(data, noise, t)
    found_data, found_noise = objective.data_and_noise(target, x, t)

    torch.testing.assert_close(found_data, data)
    torch.testing.assert_close(found_noise, noise)


def test_the_diffusion_keeps_the_variance():
    kept, added = Diffusion().scales(torch.linspace(0, 1, 50, dtype=torch.float64))

    torch.testing.assert_close(kept**2 + added**2, torch.ones(50, dtype=torch.float64))
    assert bool((kept.diff() < 0).all())
    assert float(kept[-1]) == pytest.approx(0.0, abs=1e-3)


def test_the_velocity_is_the_derivative_of_the_line():
    data, noise = torch.randn(2, 4, 3, dtype=torch.float64)
    t = torch.full((4,), 0.3, dtype=torch.float64)
    flow = RectifiedFlow()

    forward = flow.moved(data, noise, t + 1e-6) - flow.moved(data, noise, t - 1e-6)

    torch.testing.assert_close(flow.target(data, noise, t), forward / 2e-6)


@pytest.mark.parametrize("mean", [0.0, -0.5])
def test_logit_normal_times_have_their_quantiles(mean):
    times = RectifiedFlow(mean=mean, deviation=1.0).fixed_times(2001)

    # Half of the times lie below the logistic of the mean, 84.13 % below that of one deviation more.
    logits = torch.logit(times)
    assert float(logits.median()) == pytest.approx(mean, abs=1e-3)
    assert float((logits < mean + 1).float().mean()) == pytest.approx(0.8413, abs=1e-3)


def test_times_are_drawn_one_in_each_share():
    times = RectifiedFlow(logit_normal=False).draw_times(8, np.random.default_rng(0))

    assert sorted((times * 8).long().tolist()) == list(range(8))


@pytest.mark.parametrize(("scale", "expected"), [(0.0, -1.0), (1.0, 2.0), (2.0, 5.0)])
def test_guidance_goes_from_the_free_model_through_the_conditional_one(scale, expected):
    def conditional(x: Tensor, t: Tensor) -> Tensor:
        return torch.full_like(x, 2.0) + 0 * t[0]

    def free(x: Tensor, t: Tensor) -> Tensor:
        return torch.full_like(x, -1.0) + 0 * t[0]

    model = guided(conditional, free, scale)

    assert model(torch.zeros(1, 1), torch.zeros(1)).item() == expected
