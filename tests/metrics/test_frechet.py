"""The Fréchet distance against closed forms, scipy's root of a matrix, and in every order of its pieces."""

from __future__ import annotations

import doctest
from types import ModuleType

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from mirbricks.metrics import (
    GaussianStatistics,
    frechet,
    frechet_distance,
    frechet_infinity,
    frechet_of_halves,
    frechet_per_clip,
    gaussians,
    halves,
)

SEEDS = st.integers(0, 10**6)


def by_sqrtm(
    mean_x: np.ndarray, cov_x: np.ndarray, mean_y: np.ndarray, cov_y: np.ndarray
) -> float:
    """The formula as FID's authors compute it, which may come out complex."""
    root = scipy.linalg.sqrtm(cov_x @ cov_y)
    return float(
        ((mean_x - mean_y) ** 2).sum()
        + np.trace(cov_x + cov_y)
        - 2 * np.trace(root).real
    )


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))


@pytest.mark.parametrize("d", [1, 2, 16])
def test_of_full_rank_it_is_what_sqrtm_gives(d: int) -> None:
    rng = np.random.default_rng(d)
    x = rng.normal(size=(200, d)) @ rng.normal(size=(d, d)) + 3
    y = rng.normal(size=(150, d)) @ rng.normal(size=(d, d)) - 1
    expected = by_sqrtm(*moments(x), *moments(y))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "m", "d"),
    [(2, 2, 9), (5, 40, 20), (30, 7, 20), (19, 20, 20), (3, 300, 64)],
)
def test_with_fewer_items_than_features_it_is_what_eigenvalues_give(
    n: int, m: int, d: int
) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), 2 * rng.normal(size=(m, d)) + 1
    # Independent: the eigenvalues of the small side's matrix, whose roots sum to the trace.
    mean_x, _ = moments(x)
    mean_y, cov_y = moments(y)
    centred = (x - mean_x) / np.sqrt(n - 1)
    eigenvalues = np.linalg.eigvalsh(centred @ cov_y @ centred.T)
    trace = np.sqrt(eigenvalues[eigenvalues > 1e-10 * eigenvalues.max()]).sum()
    expected = (
        ((mean_x - mean_y) ** 2).sum()
        + (centred**2).sum()
        + np.trace(cov_y)
        - 2 * trace
    )
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    as_moments = [GaussianStatistics.from_moments(*moments(v), len(v)) for v in (x, y)]
    assert frechet_distance(*as_moments) == pytest.approx(expected, rel=1e-6)


@given(SEEDS, st.integers(1, 8))
def test_of_axes_that_vary_alone_it_is_the_sum_over_them(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    mean_x, mean_y = rng.normal(size=(2, d))
    std_x, std_y = rng.uniform(0, 3, (2, d)) * rng.integers(0, 2, (2, d))
    # One rotation of both changes nothing.
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    one, other = (
        GaussianStatistics.from_moments(
            turn @ mean, turn @ np.diag(std**2) @ turn.T, 10
        )
        for mean, std in ((mean_x, std_x), (mean_y, std_y))
    )
    expected = ((mean_x - mean_y) ** 2).sum() + ((std_x - std_y) ** 2).sum()
    assert frechet_distance(one, other) == pytest.approx(expected, abs=1e-6)


@given(SEEDS, st.integers(2, 30), st.integers(2, 30), st.integers(1, 40), st.booleans())
@settings(deadline=None, max_examples=40)
def test_never_negative_symmetric_and_zero_for_itself(
    seed: int, n: int, m: int, d: int, constant: bool
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    if constant:
        x[:] = x[0]
    found = frechet_distance(x, y)
    assert isinstance(found, float)
    assert found >= 0
    assert frechet_distance(y, x) == pytest.approx(found, rel=1e-9)
    assert 0 <= frechet_distance(x, x) < 1e-9
    assert 0 <= frechet_distance(x, rng.permutation(x)) < 1e-9


@given(SEEDS, st.integers(1, 12), st.lists(st.integers(0, 40), min_size=1, max_size=8))
@settings(deadline=None, max_examples=40)
def test_pieces_give_the_statistics_of_the_whole(
    seed: int, d: int, sizes: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    pieces = [rng.normal(size=(size, d)) * 3 + 1e4 for size in [*sizes, 2]]
    whole = np.concatenate(pieces)
    statistics = GaussianStatistics()
    merged = GaussianStatistics()
    for piece in pieces:
        statistics.add(piece)
        part = GaussianStatistics()
        part.add(piece)
        merged.merge(part)
    for found in (statistics, merged):
        assert found.count == len(whole)
        mean, covariance = moments(whole)
        np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-8, atol=1e-9)
        assert len(found.root) <= d


def test_memory_does_not_grow_with_the_number_of_items() -> None:
    rng = np.random.default_rng(0)
    statistics = GaussianStatistics()
    values = rng.normal(size=(3000, 5))
    for row in values:
        statistics.add(row[None])
        assert statistics._n_rows <= 2 * gaussians.BLOCK_ROWS
    np.testing.assert_allclose(
        statistics.covariance, np.cov(values, rowvar=False), atol=1e-12
    )


def test_the_extrapolation_takes_the_bias_away() -> None:
    rng = np.random.default_rng(0)
    d = 8
    real = GaussianStatistics.from_moments(np.zeros(d), np.eye(d), 10**6)
    # Drawn from the Gaussian itself: the distance is 0, and what a finite set gives is bias alone.
    found = frechet_infinity(real, rng.normal(size=(4000, d)), seed=1)
    assert found.sizes[0] == 800
    assert found.sizes[-1] == 4000
    assert found.distances[-1] > 0.003
    assert abs(found.value) < found.distances[-1] / 2
    assert found.r_squared > 0.8
    again = frechet_infinity(real, rng.normal(size=(4000, d)), seed=1)
    assert again.value != found.value


def test_the_extrapolation_is_the_line_that_numpy_fits() -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    found = frechet_infinity(values[:30], values[30:], seed=3, n_sizes=5)
    slope, value = np.polyfit(1 / found.sizes, found.distances, 1)
    correlation = np.corrcoef(1 / found.sizes, found.distances)[0, 1]
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.r_squared == pytest.approx(correlation**2, abs=1e-9)
    again = frechet_infinity(values[:30], values[30:], seed=3, n_sizes=5)
    assert (again.distances == found.distances).all()
    # The largest subset is all of it.
    assert found.distances[-1] == pytest.approx(
        frechet_distance(values[:30], values[30:])
    )


def test_per_clip_is_the_distance_of_each() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(50, 12))
    clips = [rng.normal(size=(n, 12)) + i for i, n in enumerate((2, 9, 40))]
    found = frechet_per_clip(real, iter(clips))
    assert found.tolist() == [frechet_distance(real, clip) for clip in clips]
    assert found.argmax() == 2


def test_halves_share_nothing_and_are_drawn_by_the_seed() -> None:
    values = np.arange(9.0)[:, None]
    one, other = halves(values, seed=0)
    assert len(one) == len(other) == 4
    assert not set(one[:, 0]) & set(other[:, 0])
    assert (halves(values, seed=0)[0] == one).all()
    assert any((halves(values, seed=seed)[0] != one).any() for seed in range(1, 5))


def test_what_has_no_distance_is_refused() -> None:
    good = np.zeros((3, 2))
    for wrong, message in [
        (np.zeros((1, 2)), "at least 2 embeddings, got 1"),
        (np.zeros((0, 2)), "at least 1 embeddings, got 0"),
        (np.zeros((3, 1)), "2 features, generated ones 1"),
        (np.zeros(3), r"embeddings \(N, D\), got \(3,\)"),
        (np.full((3, 2), np.nan), "not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            frechet_distance(good, wrong)
    for mean, covariance, message in [
        ([0.0], np.eye(2), r"got \(1,\) and \(2, 2\)"),
        ([0.0, 0.0], [[1.0, 2.0], [0.0, 1.0]], "not symmetric"),
        ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]], "eigenvalue of -1, below 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            GaussianStatistics.from_moments(mean, covariance, 5)
    with pytest.raises(ValueError, match="at least 10 generated"):
        frechet_infinity(good, good, seed=0)
    with pytest.raises(ValueError, match="to 20 items, got 15 from 20"):
        frechet_infinity(good, np.zeros((20, 2)), seed=0, smallest=20)


@pytest.mark.parametrize("module", [frechet, gaussians])
def test_the_examples_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_halves_of_one_set_are_as_far_apart_as_two_samples() -> None:
    rng = np.random.default_rng(3)
    real = rng.normal(size=(400, 3))
    shifted = real + [0.0, 2.0, 0.0]

    near = frechet_of_halves(real, real, seed=1)
    far = frechet_of_halves(real, shifted, seed=1)

    order = np.random.default_rng(1).permutation(400)
    one, other = real[order[:200]], real[order[200:]]
    assert near == pytest.approx(frechet_distance(one, other), rel=1e-9)
    there = frechet_distance(one, shifted[order[200:]])
    back = frechet_distance(other, shifted[order[:200]])
    assert far == (there + back) / 2
    # Two means that are 2 apart are at a distance of 2 ** 2.
    assert far == pytest.approx(4.0, abs=0.6)


def test_halves_need_two_sets_of_one_length() -> None:
    with pytest.raises(ValueError, match="as many items in both sets, got 5 and 4"):
        frechet_of_halves(np.eye(5), np.eye(5)[:4])
    with pytest.raises(ValueError, match="at least 4"):
        frechet_of_halves(np.eye(3), np.eye(3))
