"""KID: how far two sets of embeddings lie apart by a polynomial kernel; unbiased at any number of items."""

from __future__ import annotations

import numpy as np

from .embedding_sets import Embeddings, Float64, row_blocks, two_sets


def kernel_distance(
    real: Embeddings,
    generated: Embeddings,
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> float:
    """Kernel distance (KID): the unbiased estimate of the squared maximum mean discrepancy, over all pairs.

    With `k(x, y) = (γ x·y + c)^d` it is the mean of k over pairs of different real items, plus that over pairs of
    different generated ones, minus twice the mean over pairs of a real and a generated one.

    Parameters
    ----------
    real, generated : array_like or Tensor
        Embeddings (N, D) and (M, D), at least 2 each.
    degree, gamma, coef0 : int, float, float
        d, γ and c; γ is 1 / D where it is left out. The defaults are KID's.

    Returns
    -------
    float
        Its mean is 0 for sets of one distribution, so single values lie below 0 too. No unit; values compare only
        between the same embeddings.

    Raises
    ------
    ValueError
        For fewer than 2 embeddings, another number of axes or features, or a value that is not finite.

    References
    ----------
    Bińkowski et al., "Demystifying MMD GANs", ICLR 2018.
    Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, lemma 6.

    Examples
    --------
    >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]])
    7.0
    """
    one, other = two_sets(real, generated, at_least=2)
    if gamma is None:
        gamma = 1 / one.shape[1]
    # Moved into the vectors: the kernel is then the same for every block.
    ours = one * np.sqrt(gamma)
    others = other * np.sqrt(gamma)
    return _discrepancy(ours, others, degree, coef0)


def kernel_distance_subsets(
    real: Embeddings,
    generated: Embeddings,
    *,
    seed: int,
    n_subsets: int = 100,
    subset_size: int | None = None,
) -> tuple[float, float]:
    """KID as papers print it: mean and standard deviation of the kernel distance over random subsets.

    Parameters
    ----------
    real, generated : array_like or Tensor
        Embeddings (N, D) and (M, D), at least 2 each.
    seed : int
        Of the draw of the subsets, each without repetition.
    n_subsets : int
        Number of subsets.
    subset_size : int
        Items of each subset. Default: 1000, or all of the smaller set.

    Returns
    -------
    tuple of float
        Mean, and standard deviation (with n_subsets in the denominator) between the subsets.

    Raises
    ------
    ValueError
        As `kernel_distance`, and for a `subset_size` outside 2 … the size of the smaller set, or no subset.

    References
    ----------
    Bińkowski et al., "Demystifying MMD GANs", ICLR 2018.

    Examples
    --------
    >>> kernel_distance_subsets([[0.0], [0.0]], [[1.0], [1.0]], seed=0, n_subsets=3)
    (7.0, 0.0)
    """
    one, other = two_sets(real, generated, at_least=2)
    most = min(len(one), len(other))
    size = min(1000, most) if subset_size is None else subset_size
    if not 2 <= size <= most or n_subsets < 1:
        raise ValueError(
            f"expected at least one subset of 2 … {most} items, got {n_subsets} of {size}"
        )
    rng = np.random.default_rng(seed)
    scale = np.sqrt(1 / one.shape[1])
    distances = [
        _discrepancy(
            one[rng.permutation(len(one))[:size]] * scale,
            other[rng.permutation(len(other))[:size]] * scale,
            degree=3,
            coef0=1.0,
        )
        for _ in range(n_subsets)
    ]
    return float(np.mean(distances)), float(np.std(distances))


def _discrepancy(one: Float64, other: Float64, degree: int, coef0: float) -> float:
    of_pairs = _kernel_sum(one, other, degree, coef0) / (len(one) * len(other))
    within = sum(_within(items, degree, coef0) for items in (one, other))
    return float(within - 2 * of_pairs)


def _within(items: Float64, degree: int, coef0: float) -> float:
    """Mean of the kernel over pairs of different items: an item with itself would bias it."""
    squares = np.einsum("nd,nd->n", items, items)
    with_itself = float(((squares + coef0) ** degree).sum())
    n = len(items)
    return (_kernel_sum(items, items, degree, coef0) - with_itself) / (n * (n - 1))


def _kernel_sum(one: Float64, other: Float64, degree: int, coef0: float) -> float:
    return sum(
        float(((one[rows] @ other.T + coef0) ** degree).sum())
        for rows in row_blocks(len(one), len(other))
    )
