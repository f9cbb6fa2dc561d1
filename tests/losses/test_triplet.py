"""Mined triplets by their definitions, and the loss by a loop over them."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.losses.triplet import Mining, mine, pairwise_distances, triplet_loss

MARGIN = 0.3


def batch(seed: int, n: int, works: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.nn.functional.normalize(
        torch.randn(n, 4, generator=generator, dtype=torch.float64), dim=1
    )
    return embeddings, torch.randint(works, (n,), generator=generator)


@given(
    st.integers(0, 10**6),
    st.integers(1, 14),
    st.integers(1, 5),
    st.sampled_from(["random", "semi-hard", "hard"]),
)
def test_every_triplet_meets_its_definition(
    seed: int, n: int, works: int, mining: Mining
) -> None:
    embeddings, labels = batch(seed, n, works)
    d = pairwise_distances(embeddings)
    mined = list(
        zip(*(t.tolist() for t in mine(d, labels, mining, MARGIN)), strict=True)
    )
    pairs = [
        (a, p)
        for a, p in product(range(n), repeat=2)
        if a != p and labels[a] == labels[p]
    ]
    for a, p, k in mined:
        assert a != p
        assert labels[a] == labels[p] != labels[k]
        wrong = [x for x in range(n) if labels[x] != labels[a]]
        if mining == "semi-hard":
            assert d[a, p] < d[a, k] < d[a, p] + MARGIN
        if mining == "hard":
            assert d[a, p] == max(d[a, x] for (b, x) in pairs if b == a)
            assert d[a, k] == min(d[a, x] for x in wrong)
    if mining == "hard":
        wanted = {a for a, _ in pairs if any(labels[x] != labels[a] for x in range(n))}
        assert sorted(a for a, _, _ in mined) == sorted(wanted)
    else:  # each pair that has a negative gives one triplet

        def inside(a: int, p: int, k: int) -> bool:
            return mining == "random" or bool(d[a, p] < d[a, k] < d[a, p] + MARGIN)

        wanted_pairs = [
            (a, p)
            for a, p in pairs
            if any(labels[k] != labels[a] and inside(a, p, k) for k in range(n))
        ]
        assert [(a, p) for a, p, _ in mined] == wanted_pairs


def test_random_negatives_are_drawn_from_all() -> None:
    embeddings, labels = batch(0, 12, 3)
    d = pairwise_distances(embeddings)
    generator = torch.Generator().manual_seed(1)
    seen: dict[int, set[int]] = {}
    for _ in range(200):
        for a, _, k in zip(*mine(d, labels, "random", MARGIN, generator), strict=True):
            seen.setdefault(int(a), set()).add(int(k))
    for a, negatives in seen.items():
        assert negatives == {x for x in range(12) if labels[x] != labels[a]}


def test_distances_against_cdist_with_a_finite_gradient() -> None:
    embeddings, _ = batch(3, 6, 2)
    both = torch.cat([embeddings, embeddings[:1]]).requires_grad_()
    d = pairwise_distances(both)
    torch.testing.assert_close(d, torch.cdist(both, both), atol=2e-6, rtol=1e-6)
    d.sum().backward()
    assert both.grad is not None
    assert both.grad.isfinite().all()


@pytest.mark.parametrize("mining", ["hard", "semi-hard", "random"])
def test_the_loss_is_the_mean_hinge(mining: Mining) -> None:
    embeddings, labels = batch(5, 10, 3)
    generator = torch.Generator().manual_seed(2)
    mined = mine(pairwise_distances(embeddings), labels, mining, MARGIN, generator)
    hinges = [
        max(
            0.0,
            float(
                (embeddings[a] - embeddings[p]).norm()
                - (embeddings[a] - embeddings[k]).norm()
            )
            + MARGIN,
        )
        for a, p, k in zip(*mined, strict=True)
    ]
    generator.manual_seed(2)
    loss = triplet_loss(embeddings, labels, mining, MARGIN, generator)
    assert float(loss) == pytest.approx(sum(hinges) / len(hinges), abs=1e-6)


def test_a_batch_without_triplets_is_no_error() -> None:
    embeddings = torch.randn(3, 2, requires_grad=True)
    loss = triplet_loss(embeddings, torch.tensor([0, 1, 2]), "hard", MARGIN)
    loss.backward()
    assert loss.item() == 0
    assert embeddings.grad is not None
    assert (embeddings.grad == 0).all()


def test_squared_distances_per_dimension() -> None:
    x = torch.randn(
        6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    x = torch.cat([x, x[:1]]).requires_grad_()
    found = pairwise_distances(x, "squared_per_dim")
    expected = torch.cdist(x, x).square() / 5
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-6)
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    works = torch.tensor([0, 0, 1, 1, 2, 2, 0])
    loss = triplet_loss(x, works, "hard", 0.5, distance="squared_per_dim")
    same = works[:, None] == works
    itself = torch.eye(7, dtype=torch.bool)
    farthest = expected.masked_fill(~same | itself, -1).amax(1)
    nearest = expected.masked_fill(same, torch.inf).amin(1)
    torch.testing.assert_close(loss, (farthest - nearest + 0.5).clamp_min(0).mean())


def test_the_hardest_of_equal_items() -> None:
    """Where all versions of a work are the same, each is still the positive of another one, never of itself."""
    embeddings = torch.tensor([[1.0, 0], [1.0, 0], [1.0, 0], [0, 1.0], [0, 1.0]])
    works = torch.tensor([0, 0, 0, 1, 1])
    distances = pairwise_distances(embeddings)
    anchor, positive, negative = mine(distances, works, "hard", 0.3)
    assert anchor.tolist() == [0, 1, 2, 3, 4]
    assert (anchor != positive).all()
    assert torch.equal(works[anchor], works[positive])
    assert (works[anchor] != works[negative]).all()
