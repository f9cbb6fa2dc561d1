"""Fréchet distance of two sets of embeddings, as if each were drawn from a Gaussian."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .embedding_sets import Embeddings, Float64, as_embeddings, halves
from .gaussians import GaussianStatistics

Sample = Embeddings | GaussianStatistics


def _statistics(sample: Sample) -> GaussianStatistics:
    if isinstance(sample, GaussianStatistics):
        return sample
    found = GaussianStatistics()
    found.add(sample)
    return found


def frechet_distance(real: Sample, generated: Sample) -> float:
    """Fréchet distance, squared as in FID and FAD: `|μ - ν|² + tr(Σ + Ω - 2 (ΣΩ)^½)`.

    Parameters
    ----------
    real, generated : array_like, Tensor or GaussianStatistics
        Embeddings (N, D) and (M, D), at least 2 each, or their statistics.

    Returns
    -------
    float
        In the square of the embeddings' unit; 0 for equal Gaussians, never below 0, symmetric. It grows as the sets
        get smaller: compare only sets of one size, or use `frechet_infinity`.

    Raises
    ------
    ValueError
        For fewer than 2 embeddings, another number of axes or features, or a value that is not finite.

    Notes
    -----
    With roots `AᵀA = Σ`, `BᵀB = Ω` the trace of the root of the product is the sum of the singular values of `A Bᵀ`:
    of real numbers, without a root of a matrix that is not symmetric. With fewer items than features, A and B are the
    centred items themselves, and the matrix is N × M.

    References
    ----------
    Dowson & Landau, "The Fréchet distance between multivariate normal distributions", J. Multivariate Analysis, 1982.
    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NeurIPS 2017 (FID).
    Kilgour et al., "Fréchet Audio Distance", Interspeech 2019 (FAD).

    Examples
    --------
    >>> frechet_distance([[0.0], [2.0]], [[1.0], [3.0]])
    1.0
    """
    one = _statistics(real)
    other = _statistics(generated)
    if len(one.mean) != len(other.mean):
        raise ValueError(
            f"real embeddings have {len(one.mean)} features, generated ones {len(other.mean)}"
        )
    a = one.scaled_root
    b = other.scaled_root
    of_means = np.square(one.mean - other.mean).sum()
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    spread = np.square(a).sum() + np.square(b).sum() - 2 * overlap
    # The spread is never below 0; what rounding leaves of equal sets may be.
    return float(of_means + max(0.0, spread))


@dataclass(frozen=True)
class FrechetInfinity:
    """The Fréchet distance that unlimited items would give, and the line that it was read from.

    Parameters
    ----------
    value : float
        Where the line meets 1 / N = 0.
    slope : float
        Of the line over 1 / N.
    r_squared : float
        Share of the distances' variance that the line explains; far below 1 the value means little.
    sizes, distances : ndarray
        The numbers N of items and the distance of each.
    """

    value: float
    slope: float
    r_squared: float
    sizes: NDArray[np.int64]
    distances: Float64


def frechet_infinity(
    real: Sample,
    generated: Embeddings,
    *,
    seed: int,
    n_sizes: int = 15,
    smallest: int | None = None,
) -> FrechetInfinity:
    """FAD∞: the Fréchet distance extrapolated to an unlimited number of generated items.

    Of sets of N items the distance is too large by about c / N. Subsets of several sizes give a line over 1 / N, whose
    start is free of that.

    Parameters
    ----------
    real : array_like, Tensor or GaussianStatistics
        Embeddings (N, D), or their statistics; these stay as they are.
    generated : array_like or Tensor
        Embeddings (M, D).
    seed : int
        Of the draw of the subsets, each without repetition.
    n_sizes : int
        Number of subsets, of sizes evenly spaced from `smallest` to M.
    smallest : int
        Default: a fifth of M, at least 2.

    Returns
    -------
    FrechetInfinity
        Its value may lie a little below 0 where the distance is 0: it is an estimate, not a distance.

    Raises
    ------
    ValueError
        For fewer than 10 generated embeddings, fewer than 2 sizes, or a `smallest` outside 2 … M - 1.

    Notes
    -----
    Below D items the distance is no longer a line over 1 / N: see `r_squared`, and reduce D or generate more.

    References
    ----------
    Chong & Forsyth, "Effectively Unbiased FID and Inception Score and where to find them", CVPR 2020, section 4.
    Gui et al., "Adapting Fréchet Audio Distance for Generative Music Evaluation", ICASSP 2024.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real = GaussianStatistics.from_moments(np.zeros(4), np.eye(4), 10**6)
    >>> found = frechet_infinity(real, rng.normal(size=(2000, 4)) + 0.5, seed=0)
    >>> abs(found.value - 1.0) < 0.1
    True
    """
    values = as_embeddings(generated, at_least=10, name="generated embeddings")
    if smallest is None:
        smallest = max(2, len(values) // 5)
    if n_sizes < 2 or not 2 <= smallest < len(values):
        raise ValueError(
            f"expected at least 2 sizes from 2 or more to {len(values)} items, got {n_sizes} from {smallest}"
        )
    fixed = _statistics(real)
    rng = np.random.default_rng(seed)
    sizes = np.linspace(smallest, len(values), n_sizes).round().astype(np.int64)
    distances = np.array(
        [
            frechet_distance(fixed, values[rng.permutation(len(values))[:n]])
            for n in sizes
        ]
    )
    # Least squares over 1 / N; the intercept is the value.
    terms = np.stack([np.ones(n_sizes), 1 / sizes], axis=1)
    (value, slope), *_ = np.linalg.lstsq(terms, distances, rcond=None)
    unexplained = np.square(distances - terms @ [value, slope]).sum()
    total = np.square(distances - distances.mean()).sum()
    r_squared = 1 - unexplained / total if total > 0 else 1.0
    return FrechetInfinity(
        float(value), float(slope), float(r_squared), sizes, distances
    )


def frechet_of_halves(real: Embeddings, others: Embeddings, seed: int = 0) -> float:
    """The Fréchet distance of each half of a real set to the other half of a second set: the mean of the two.

    The distance depends on how many items there are. Halves of the real set against each other (`others` is `real`),
    and against what was generated, or noise, in their place, are distances between sets of one size.

    Parameters
    ----------
    real, others : array_like or Tensor
        Embeddings (N, D); item i of `others` is in the place of item i of `real`.
    seed : int
        The halves are drawn at random, since neighbours in a corpus are alike: the same seed, the same halves.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For fewer than 4 items, or sets of different lengths.

    Examples
    --------
    >>> real = np.random.default_rng(0).normal(size=(100, 2))
    >>> frechet_of_halves(real, real) < 1 < frechet_of_halves(real, real + 2)
    True
    """
    first = as_embeddings(real, at_least=4, name="real embeddings")
    second = as_embeddings(others, at_least=4, name="other embeddings")
    if len(first) != len(second):
        raise ValueError(
            f"expected as many items in both sets, got {len(first)} and {len(second)}"
        )
    # The same seed and length: the same items of both sets.
    one, other = halves(first, seed)
    of_one, of_other = halves(second, seed)
    there = frechet_distance(one, of_other)
    back = frechet_distance(other, of_one)
    return (there + back) / 2


def frechet_per_clip(real: Sample, clips: Iterable[Embeddings]) -> Float64:
    """The Fréchet distance of each clip's own frames to a reference: which of the sounds lie far off.

    Parameters
    ----------
    real : array_like, Tensor or GaussianStatistics
        Embeddings (N, D) of frames, or their statistics.
    clips : iterable of array_like or Tensor
        The frames (n, D) of each clip, at least 2; one clip is held at a time.

    Returns
    -------
    ndarray
        (number of clips,). With few frames each value is too large by about the same, so they rank clips of one length.

    References
    ----------
    Gui et al., "Adapting Fréchet Audio Distance for Generative Music Evaluation", ICASSP 2024 (per song).

    Examples
    --------
    >>> frechet_per_clip([[0.0], [2.0]], [[[0.0], [2.0]], [[5.0], [7.0]]])
    array([ 0., 25.])
    """
    fixed = _statistics(real)
    return np.array([frechet_distance(fixed, clip) for clip in clips])
