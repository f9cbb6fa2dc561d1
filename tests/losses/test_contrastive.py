"""Losses of embeddings against loops over their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mirbricks.losses.contrastive import barlow_twins, nt_xent, spread, vicreg
from mirbricks.losses.proxy_anchor import ProxyAnchor


def views(seed: int = 0, b: int = 7, d: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(b, d, generator=generator, dtype=torch.float64) for _ in range(2)
    )  # type: ignore[return-value]


def test_nt_xent_with_two_views_is_simclr() -> None:
    one, other = views()
    z = torch.nn.functional.normalize(torch.cat([one, other]), dim=1)
    total = 0.0
    for i in range(14):
        j = (i + 7) % 14
        total -= math.log(
            math.exp(float(z[i] @ z[j]) / 0.2)
            / sum(math.exp(float(z[i] @ z[k]) / 0.2) for k in range(14) if k != i)
        )
    loss = nt_xent(torch.cat([one, other]), torch.arange(14) % 7, 0.2)
    assert float(loss) == pytest.approx(total / 14)


def test_nt_xent_with_more_versions_leaves_out_single_ones() -> None:
    z, _ = views(1, 6)
    works = torch.tensor([0, 0, 0, 1, 1, 2])
    unit = torch.nn.functional.normalize(z, dim=1)
    losses = []
    for i in range(5):
        partners = [j for j in range(6) if j != i and works[j] == works[i]]
        rest = sum(math.exp(float(unit[i] @ unit[k]) / 0.1) for k in range(6) if k != i)
        losses.append(
            -sum(float(unit[i] @ unit[j]) / 0.1 - math.log(rest) for j in partners)
            / len(partners)
        )
    assert float(nt_xent(z, works)) == pytest.approx(sum(losses) / 5)
    alone = z.clone().requires_grad_()
    nt_xent(alone, torch.arange(6)).backward()
    assert alone.grad is not None
    assert (alone.grad == 0).all()


def test_nt_xent_has_finite_gradients() -> None:
    z = torch.randn(4, 3, requires_grad=True)
    nt_xent(z, torch.tensor([0, 0, 1, 1])).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_vicreg_by_loops() -> None:
    one, other = views(2)
    total = (
        25
        * sum(float((one[i, f] - other[i, f]) ** 2) for i in range(7) for f in range(5))
        / 35
    )
    for z in (one, other):
        mean = z.mean(0)
        for f in range(5):
            variance = sum(float((z[i, f] - mean[f]) ** 2) for i in range(7)) / 6
            total += 25 * max(0.0, 1 - math.sqrt(variance + 1e-4)) / 5 / 2
            for g in range(5):
                if f != g:
                    covariance = (
                        sum(
                            float((z[i, f] - mean[f]) * (z[i, g] - mean[g]))
                            for i in range(7)
                        )
                        / 6
                    )
                    total += covariance**2 / 5
    assert float(vicreg(one, other)) == pytest.approx(total)


def test_barlow_twins_by_loops() -> None:
    one, other = views(3)
    total = 0.0
    a, b = (
        (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() for z in (one, other)
    )
    for f in range(5):
        for g in range(5):
            c = sum(float(a[i, f] * b[i, g]) for i in range(7)) / 7
            total += (1 - c) ** 2 if f == g else 0.005 * c**2
    assert float(barlow_twins(one, other)) == pytest.approx(total)


def test_spread_tells_a_collapse() -> None:
    same = torch.ones(20, 8) + 1e-9 * torch.randn(20, 8)
    assert spread(same)["std"] < 1e-6
    far = spread(torch.randn(4000, 8, generator=torch.Generator().manual_seed(0)))
    assert far["std"] == pytest.approx(1.0, abs=0.02)
    assert far["rank"] == pytest.approx(8, abs=0.1)
    line = spread(torch.randn(50, 1) * torch.ones(1, 8))
    assert line["rank"] == pytest.approx(1, abs=0.01)
    assert all(math.isfinite(v) for v in spread(torch.zeros(3, 2)).values())


def test_proxy_anchor_by_loops() -> None:
    embeddings, _ = views(4, 6, 3)
    labels = torch.tensor([0, 0, 1, 1, 1, 3])
    loss = ProxyAnchor(5, 3).double()
    unit, proxy = (
        torch.nn.functional.normalize(t, dim=1)
        for t in (embeddings, loss.proxies.detach())
    )
    drawn, repelled = [], []
    for k in range(5):
        own = [i for i in range(6) if labels[i] == k]
        if own:
            drawn.append(
                math.log(
                    1
                    + sum(
                        math.exp(-32 * (float(unit[i] @ proxy[k]) - 0.1)) for i in own
                    )
                )
            )
        rest = [i for i in range(6) if labels[i] != k]
        repelled.append(
            math.log(
                1 + sum(math.exp(32 * (float(unit[i] @ proxy[k]) + 0.1)) for i in rest)
            )
        )
    found = loss(embeddings, labels)
    assert found.item() == pytest.approx(sum(drawn) / len(drawn) + sum(repelled) / 5)
    found.backward()
    assert loss.proxies.grad is not None
    assert loss.proxies.grad.isfinite().all()


def test_proxies_and_embeddings_are_directions() -> None:
    """Their lengths change nothing, each by itself."""
    embeddings, _ = views(4, 6, 3)
    labels = torch.tensor([0, 0, 1, 1, 1, 3])
    loss = ProxyAnchor(5, 3).double()
    before = loss(embeddings, labels)
    lengths = torch.tensor([0.1, 3.0, 1.0, 7.0, 0.5, 2.0], dtype=torch.float64)
    after = loss(embeddings * lengths[:, None], labels)
    torch.testing.assert_close(after, before)
    with torch.no_grad():
        loss.proxies *= lengths[:5, None]
    torch.testing.assert_close(loss(embeddings, labels), before)


def test_the_rank_is_that_of_what_differs() -> None:
    """What all embeddings have in common is taken out before."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 6)) * [1, 1, 0.1, 0.1, 0.01, 0] + 4.0
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    values = np.linalg.svd(unit - unit.mean(axis=0), compute_uv=False)
    share = values / values.sum()
    expected = np.exp(-(share * np.log(share)).sum())
    found = spread(torch.from_numpy(vectors))
    assert found["rank"] == pytest.approx(expected, rel=1e-6)
    assert found["std"] == pytest.approx(unit.std(axis=0, ddof=0).mean() * 6**0.5)
