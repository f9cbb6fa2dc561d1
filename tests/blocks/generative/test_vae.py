"""The VAE's bottleneck against torch.distributions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from mirbricks.registry import Block

Make = Callable[..., Block]
NAME = "VAEBottleneck"


@pytest.mark.parametrize("shape", [(3, 8), (2, 6, 9), (2, 4, 3, 5)])
def test_kl_is_that_of_torch_distributions(make: Make, shape: tuple[int, ...]) -> None:
    block, x = make(NAME, shape, kl_weight=0.3), torch.randn(shape, dtype=torch.float64)
    mean, log_variance = x[:, : shape[1] // 2], x[:, shape[1] // 2 :]
    normal = Normal(mean, (log_variance / 2).exp())
    expected = (
        kl_divergence(normal, Normal(torch.zeros_like(mean), 1.0)).flatten(1).sum(1)
    )
    torch.testing.assert_close(block.kl(x), expected)
    block(x)
    torch.testing.assert_close(block.losses["kl"], 0.3 * expected.mean())


def test_eval_gives_the_mean_and_training_a_draw(make: Make) -> None:
    x = (
        torch.tensor([0.5, -1.0, 0.2, -3.0], dtype=torch.float64)
        .view(1, 4, 1)
        .expand(1, 4, 100_000)
    )
    block = make(NAME, x.shape)
    y = block(x)[0]
    torch.testing.assert_close(y.mean(1), x[0, :2, 0], atol=0.02, rtol=0)
    torch.testing.assert_close(
        y.log().nan_to_num().mean(1).isfinite(), torch.tensor([True, True])
    )
    torch.testing.assert_close(y.var(1).log(), x[0, 2:, 0], atol=0.03, rtol=0)
    assert not torch.equal(block(x), block(x))
    assert torch.equal(block.eval()(x), x[:, :2])
    assert not torch.equal(
        block.draw(x), x[:, :2]
    )  # a decoder's samples are wanted in eval() too


def test_gradients_go_through_the_draw(make: Make) -> None:
    x = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    block, g = make(NAME, x.shape), torch.randn(2, 2, 6, dtype=torch.float64)
    y = block(x)
    y.backward(g)
    mean, log_variance = x.detach().chunk(2, dim=1)
    noise = (y.detach() - mean) / (log_variance / 2).exp()
    torch.testing.assert_close(
        x.grad, torch.cat([g, g * noise * (log_variance / 2).exp() / 2], dim=1)
    )


def test_the_kl_loss_pulls_towards_the_standard_normal(make: Make) -> None:
    x = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)
    block = make(NAME, x.shape)
    block(x)
    block.losses["kl"].backward()
    mean, log_variance = x.detach().chunk(2, dim=1)
    torch.testing.assert_close(
        x.grad, torch.cat([mean, (log_variance.exp() - 1) / 2], dim=1) / 3
    )


def test_extreme_variances_stay_finite(make: Make) -> None:
    x = torch.tensor([0.0, 0.0, 1e4, -1e4]).view(1, 4, 1)
    block = make(NAME, x.shape).float()
    assert block(x).isfinite().all()
    assert block.kl(x).isfinite().all()
    torch.testing.assert_close(
        block.gaussian(x)[1].flatten(), torch.tensor([20.0, -30.0])
    )
