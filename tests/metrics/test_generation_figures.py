"""KID, inception score, manifolds and copies against naive loops, scikit-learn and closed forms."""

from __future__ import annotations

import doctest
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, mannwhitneyu
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from mirbricks.metrics import (
    InceptionScore,
    copying_figures,
    embedding_sets,
    frechet_distance,
    frechet_infinity,
    generation,
    generation_figures,
    inception,
    inception_score,
    kernel_distance,
    kernel_distance_subsets,
    kernels,
    manifold_figures,
    manifolds,
    nearest_items,
    real_against_real,
    standardised,
)

SEEDS = st.integers(0, 10**6)


@pytest.fixture(params=[1, 50, 1 << 22])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one row, of a few, and of all."""
    monkeypatch.setattr(embedding_sets, "BLOCK_VALUES", request.param)


def naive_mmd(x: np.ndarray, y: np.ndarray) -> float:
    n, m = len(x), len(y)
    xx, yy, xy = (
        polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y))
    )
    within_x = sum(xx[i, j] for i in range(n) for j in range(n) if i != j) / (
        n * (n - 1)
    )
    within_y = sum(yy[i, j] for i in range(m) for j in range(m) if i != j) / (
        m * (m - 1)
    )
    return float(within_x + within_y - 2 * xy.mean())


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 1), (7, 12, 3), (12, 5, 40)])
def test_kernel_distance_by_a_naive_loop(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 1
    expected = naive_mmd(x, y)
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert kernel_distance(y, x) == pytest.approx(expected, rel=1e-9)
    assert kernel_distance(torch.from_numpy(x), y) == pytest.approx(expected, rel=1e-9)


def test_the_kernel_distance_of_a_linear_kernel_is_that_of_the_means() -> None:
    # E k(x, x') = |μ|² and so on: of Gaussians whose means differ by δ it is |δ|².
    rng = np.random.default_rng(0)
    estimates = [
        kernel_distance(
            rng.normal(size=(50, 2)),
            rng.normal(size=(50, 2)) + [1, 0],
            degree=1,
            gamma=1,
        )
        for _ in range(300)
    ]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(1.0, abs=4 * error)


def test_the_kernel_distance_is_unbiased_even_of_two_items() -> None:
    rng = np.random.default_rng(0)
    estimates = [kernel_distance(*rng.normal(size=(2, 2, 3))) for _ in range(4000)]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates)) < 4 * error
    assert min(estimates) < 0


def test_subsets_are_drawn_by_the_seed_and_average_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + 1
    mean, std = kernel_distance_subsets(x, y, seed=1, n_subsets=400, subset_size=10)
    assert mean == pytest.approx(naive_mmd(x, y), abs=4 * std / 20)
    assert kernel_distance_subsets(x, y, seed=1, n_subsets=400, subset_size=10) == (
        mean,
        std,
    )
    whole, spread = kernel_distance_subsets(x[:30], y, seed=1, n_subsets=3)
    assert whole == pytest.approx(naive_mmd(x[:30], y), rel=1e-9)
    assert spread < 1e-9
    with pytest.raises(ValueError, match="2 … 30 items, got 5 of 31"):
        kernel_distance_subsets(x, y, seed=1, n_subsets=5, subset_size=31)


@given(SEEDS, st.integers(1, 30), st.integers(1, 9), st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_inception_score_by_the_divergence_of_each_item(
    seed: int, n: int, k: int, pieces: int
) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.3), n)
    expected = float(np.exp(np.mean([entropy(row, p.mean(axis=0)) for row in p])))
    score = InceptionScore()
    for part in np.array_split(p, pieces):
        score.add(part)
    assert score.value() == pytest.approx(expected, abs=1e-6)
    assert inception_score(p)[0] == pytest.approx(expected, abs=1e-6)
    assert 1 <= score.value() <= k + 1e-9


def test_inception_score_of_sure_and_of_unsure_classifiers() -> None:
    assert inception_score(np.eye(7)) == (pytest.approx(7.0), 0.0)
    assert inception_score(np.full((5, 4), 0.25)) == (1.0, 0.0)
    assert np.isnan(InceptionScore().value())
    mean, std = inception_score(np.eye(4)[[0, 1, 2, 3, 0, 0]], n_splits=3)
    assert mean == pytest.approx(5 / 3)
    assert std == pytest.approx(np.std([2, 2, 1]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[0.5, 0.4]], "1 in sum over each row"),
        ([[1.5, -0.5]], "at least 0"),
        ([0.5, 0.5], r"probabilities \(N, D\)"),
    ],
)
def test_what_is_not_a_probability_is_refused(
    wrong: list[object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        InceptionScore().add(wrong)
    score = InceptionScore()
    score.add([[1.0]])
    with pytest.raises(ValueError, match="of 1 classes, got 2"):
        score.add([[0.5, 0.5]])
    with pytest.raises(ValueError, match="1 … 1 parts, got 2"):
        inception_score([[1.0]], n_splits=2)


def naive_manifolds(
    real: np.ndarray, generated: np.ndarray, k: int
) -> dict[str, float]:
    """By scikit-learn's neighbours, and a loop over all pairs."""

    def radii(items: np.ndarray) -> np.ndarray:
        return NearestNeighbors(n_neighbors=k).fit(items).kneighbors()[0][:, -1]

    of_real, of_generated = radii(real), radii(generated)
    distances = np.array([[np.linalg.norm(a - b) for b in generated] for a in real])
    return {
        "precision": np.mean([any(d[i] <= of_real[i] for i in range(len(real))) for d in distances.T]),
        "recall": np.mean([any(d[j] <= of_generated[j] for j in range(len(generated))) for d in distances]),
        "density": np.sum(distances <= of_real[:, None]) / (k * len(generated)),
        "coverage": np.mean([any(d <= r) for d, r in zip(distances, of_real, strict=True)]),
    }  # fmt: skip


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(
    ("n", "m", "d", "k"), [(6, 9, 2, 1), (30, 20, 3, 5), (15, 40, 50, 3)]
)
def test_manifolds_by_a_naive_loop(n: int, m: int, d: int, k: int) -> None:
    rng = np.random.default_rng(n)
    real, generated = rng.normal(size=(n, d)), 0.7 * rng.normal(size=(m, d)) + 0.3
    found = manifold_figures(real, generated, k)
    assert found == pytest.approx(naive_manifolds(real, generated, k), abs=1e-12)


@given(SEEDS, st.integers(1, 4), st.integers(5, 20), st.integers(5, 20))
@settings(deadline=None, max_examples=40)
def test_manifold_figures_swap_with_their_sets(
    seed: int, k: int, n: int, m: int
) -> None:
    rng = np.random.default_rng(seed)
    real, generated = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
    one = manifold_figures(real, generated, k)
    other = manifold_figures(generated, real, k)
    assert one["precision"] == other["recall"]
    assert one["recall"] == other["precision"]
    for name in ("precision", "recall", "coverage"):
        assert 0 <= one[name] <= 1
    assert one["density"] >= 0


def test_manifold_figures_of_known_sets() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(600, 4))
    # Lemma of Naeem et al.: of one distribution coverage is near 1 - 2^-k and density near 1.
    same = manifold_figures(real, rng.normal(size=(600, 4)), k=5)
    assert same["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
    assert same["density"] == pytest.approx(1, abs=0.1)
    far = manifold_figures(real, rng.normal(size=(600, 4)) + 100, k=5)
    assert set(far.values()) == {0.0}
    # One mode of two: what is there is good, and half is missing.
    two = np.concatenate([real[:300], real[300:] + 100])
    half = manifold_figures(two, rng.normal(size=(600, 4)), k=5)
    assert half["precision"] > 0.9
    assert half["recall"] == pytest.approx(0.5, abs=0.05)
    assert half["coverage"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.usefixtures("blocks")
def test_nearest_items_are_those_of_scikit_learn_and_copies_lie_at_zero() -> None:
    rng = np.random.default_rng(0)
    among = 1e6 + rng.normal(size=(30, 5))
    items = np.concatenate([1e6 + rng.normal(size=(9, 5)), among[[4, 7]]])
    distances, indices = NearestNeighbors(n_neighbors=1).fit(among).kneighbors(items)
    found = nearest_items(items, among)
    np.testing.assert_allclose(found.distances, distances[:, 0], atol=1e-6)
    assert found.indices.tolist() == indices[:, 0].tolist()
    assert found.distances[-2:].tolist() == [0, 0]


def test_copying_figures_are_scipys_rank_test() -> None:
    rng = np.random.default_rng(0)
    training, held_out = rng.normal(size=(50, 3)), rng.normal(size=(40, 3))
    ours, theirs = (
        nearest_items(v, training).distances for v in (held_out[:15], held_out[15:])
    )
    found = copying_figures(held_out[:15], training, held_out[15:])
    expected = 1 - mannwhitneyu(ours, theirs).statistic / (15 * 25)
    assert found["nearer_than_held_out"] == pytest.approx(expected)
    assert found["exact_copies"] == 0
    copies = copying_figures(training[:9], training, held_out)
    assert copies["nearer_than_held_out"] == 1
    assert copies["exact_copies"] == 1
    assert copies["nearest_generated"] == 0
    far = copying_figures(held_out + 100, training, held_out)
    assert far["nearer_than_held_out"] == 0
    # Of one distribution neither is nearer.
    same = copying_figures(
        rng.normal(size=(1000, 3)), training, rng.normal(size=(1000, 3))
    )
    assert same["nearer_than_held_out"] == pytest.approx(0.5, abs=0.05)


def test_what_does_not_fit_is_refused() -> None:
    good = np.zeros((6, 2))
    with pytest.raises(ValueError, match="at least 6 generated embeddings, got 5"):
        manifold_figures(good, good[:5], k=5)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        manifold_figures(good, good, k=0)
    with pytest.raises(ValueError, match="have 2 features, generated ones 3"):
        kernel_distance(good, np.zeros((4, 3)))
    with pytest.raises(ValueError, match="at least 2 real embeddings, got 1"):
        kernel_distance(good[:1], good)
    with pytest.raises(ValueError, match="generated embeddings is not finite"):
        nearest_items(np.full((1, 2), np.inf), good)


@pytest.mark.parametrize(
    "module", [embedding_sets, generation, inception, kernels, manifolds]
)
def test_the_examples_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_all_figures_at_once_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(30, 4)), rng.normal(size=(25, 4)) + 0.5
    found = generation_figures(real, generated, seed=3, k=4, standardise=False)
    assert found == {
        "frechet_distance": frechet_distance(real, generated),
        "frechet_infinity": frechet_infinity(real, generated, seed=3).value,
        "frechet_infinity_r_squared": frechet_infinity(
            real, generated, seed=3
        ).r_squared,
        "kernel_distance": kernel_distance(real, generated),
        **manifold_figures(real, generated, k=4),
    }
    # Feature by feature in deviations of the real set, so that no unit changes anything.
    same = generation_figures(
        real * [1, 10, 1e3, 1e-3] + 5, generated * [1, 10, 1e3, 1e-3] + 5, seed=3
    )
    assert same == pytest.approx(generation_figures(real, generated, seed=3), rel=1e-6)
    # Too few to read a line from.
    assert "frechet_infinity" not in generation_figures(real, generated[:9], seed=3)


def test_a_constant_feature_is_only_centred() -> None:
    real = np.array([[1.0, 0.1], [3.0, 0.1], [5.0, 0.1]])
    one, other = standardised(real, [[3.0, 0.3]])
    np.testing.assert_allclose(one[:, 0], [-(1.5**0.5), 0, 1.5**0.5])
    np.testing.assert_allclose(one[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(other, [[0, 0.2]], atol=1e-12)


def test_real_against_real_is_better_than_real_against_noise() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(80, 4))
    yardstick = real_against_real(real, seed=1)
    noise = generation_figures(real[:40], 4 * rng.normal(size=(40, 4)), seed=1)
    for name in ("frechet_distance", "frechet_infinity", "kernel_distance"):
        assert yardstick[name] < noise[name] / 4
    for name in ("precision", "density"):
        assert yardstick[name] > noise[name]
    assert real_against_real(real, seed=1) == yardstick
