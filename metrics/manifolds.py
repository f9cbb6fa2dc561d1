"""What is generated against the manifold of what is real, and whether it merely copies: by nearest neighbours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .embedding_sets import (
    Embeddings,
    Float64,
    as_embeddings,
    squared_distances,
    two_sets,
)


def manifold_figures(
    real: Embeddings, generated: Embeddings, k: int = 5
) -> dict[str, float]:
    """Precision, recall, density and coverage, from balls around items that reach their k-th nearest neighbour.

    Parameters
    ----------
    real, generated : array_like or Tensor
        Embeddings (N, D) and (M, D), more than k each.
    k : int
        Of the nearest neighbour that ends each ball: 5 in the paper of density and coverage, 3 in that of precision
        and recall.

    Returns
    -------
    dict
        - precision: share of generated items within a real item's ball (fidelity), 0 … 1
        - recall: share of real items within a generated item's ball (variety), 0 … 1
        - density: real balls around a generated item, over k; outliers among what is real weigh less; may exceed 1
        - coverage: share of real balls that hold a generated item, 0 … 1

    Raises
    ------
    ValueError
        For k or fewer embeddings, k below 1, another number of axes or features, or a value that is not finite.

    Notes
    -----
    For two sets of one distribution and N = M the expected coverage is near 1 - 2^-k and the expected density near 1;
    precision and recall depend on D. Print the figures of real against real beside them.

    References
    ----------
    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", NeurIPS 2019,
    eq. 1 and 2.
    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020.

    Examples
    --------
    >>> figures = manifold_figures([[0.0], [1.0], [2.0]], [[0.1], [0.2], [9.0]], k=1)
    >>> {name: round(value, 3) for name, value in figures.items()}
    {'precision': 0.667, 'recall': 1.0, 'density': 1.333, 'coverage': 0.667}
    """
    if k < 1:
        raise ValueError(f"expected k of at least 1, got {k}")
    one, other = two_sets(real, generated, at_least=k + 1)
    of_real = _squared_radii(one, k)
    of_generated = _squared_radii(other, k)
    # How many real balls hold each generated item, gathered over the blocks of real items.
    held_by = np.zeros(len(other), np.int64)
    n_recalled = 0
    n_covered = 0
    for rows, distances in squared_distances(one, other):
        in_real = distances <= of_real[rows, None]
        held_by += in_real.sum(axis=0)
        n_covered += int(in_real.any(axis=1).sum())
        n_recalled += int((distances <= of_generated).any(axis=1).sum())
    return {
        "precision": float((held_by > 0).mean()),
        "recall": n_recalled / len(one),
        "density": float(held_by.mean()) / k,
        "coverage": n_covered / len(one),
    }


def _squared_radii(items: Float64, k: int) -> Float64:
    """(N,) squared distance of each item to its k-th nearest other one."""
    radii = np.empty(len(items))
    for rows, distances in squared_distances(items, items):
        # An item is not its own neighbour.
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii


def realism_scores(real: Embeddings, generated: Embeddings, k: int = 5) -> Float64:
    """How well each generated item lies within what is real: the greatest ratio of a real ball to the distance to it.

    Parameters
    ----------
    real, generated : array_like or Tensor
        Embeddings (N, D) and (M, D), more than k real ones.
    k : int
        Of the nearest neighbour that ends each ball, as in `manifold_figures`.

    Returns
    -------
    ndarray
        (M,), a score per item: 1 and more within a ball, towards 0 far from everything, infinite for a copy. The half
        of the real items with the larger balls is left out: the huge ball of one outlier would hold everything.

    Raises
    ------
    ValueError
        For k or fewer real embeddings, k below 1, another number of axes or features, or a value that is not finite.

    References
    ----------
    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", NeurIPS 2019,
    section 5, eq. 3.

    Examples
    --------
    >>> realism_scores([[0.0], [1.0], [2.0], [9.0]], [[2.5], [5.0]], k=1).round(2)
    array([2.  , 0.33])
    """
    if k < 1:
        raise ValueError(f"expected k of at least 1, got {k}")
    one, other = two_sets(real, generated)
    as_embeddings(one, at_least=k + 1, name="real embeddings")
    radii = _squared_radii(one, k)
    kept = radii <= np.median(radii)
    scores = np.empty(len(other))
    for rows, distances in squared_distances(other, one[kept]):
        # A copy lies at no distance from its original, unless that is one of several equal items.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.nan_to_num(radii[kept] / distances, nan=np.inf, posinf=np.inf)
        scores[rows] = np.sqrt(ratios.max(axis=1))
    return scores


class Nearest(NamedTuple):
    """The nearest of other items, as `nearest_items` finds it.

    Parameters
    ----------
    distances : ndarray
        (M,) Euclidean distances.
    indices : ndarray
        (M,) places among the other items.
    """

    distances: Float64
    indices: NDArray[np.int64]


def nearest_items(items: Embeddings, among: Embeddings) -> Nearest:
    """For each of (M, D) the nearest of (N, D), such as the training item that a generated one resembles most.

    Parameters
    ----------
    items, among : array_like or Tensor
        Embeddings of the same features.

    Returns
    -------
    Nearest
        Distances, 0 for an exact copy, and indices into `among`; the first of equals.

    Raises
    ------
    ValueError
        For no items, another number of axes or features, or a value that is not finite.

    Examples
    --------
    >>> nearest_items([[1.0], [5.0]], among=[[0.5], [5.0]])
    Nearest(distances=array([0.5, 0. ]), indices=array([0, 1]))
    """
    others, ours = two_sets(among, items)
    indices = np.empty(len(ours), np.int64)
    for rows, distances in squared_distances(ours, others):
        indices[rows] = distances.argmin(axis=1)
    # From the difference itself: a copy lies at 0, not at what the rounding of a product leaves.
    return Nearest(np.linalg.norm(ours - others[indices], axis=1), indices)


def copying_figures(
    generated: Embeddings, training: Embeddings, held_out: Embeddings
) -> dict[str, float]:
    """Whether generated items lie nearer to the training set than real ones that it does not hold.

    Parameters
    ----------
    generated, training, held_out : array_like or Tensor
        Embeddings (M, D), (N, D) and (L, D). `held_out` is real and was not trained on; with other pitches or pieces
        than the training set it lies farther off for that reason alone.

    Returns
    -------
    dict
        - nearest_generated, nearest_held_out: median distance to the nearest training item
        - nearer_than_held_out: the probability that a generated item lies nearer to its nearest training item than a
          held-out one does (equal distances count half): .5 for one distribution, towards 1 for copies, towards 0
          for items far from everything
        - exact_copies: share of generated items at distance 0

    Raises
    ------
    ValueError
        For no items, another number of axes or features, or a value that is not finite.

    References
    ----------
    Meehan et al., "A Non-Parametric Test to Detect Data-Copying in Generative Models", AISTATS 2020 (the
    Mann-Whitney statistic over the two sets of distances; here as a probability).

    Examples
    --------
    >>> figures = copying_figures([[0.0], [2.0]], training=[[0.0], [2.0]], held_out=[[1.0], [3.0]])
    >>> figures["nearer_than_held_out"], figures["exact_copies"]
    (1.0, 1.0)
    """
    ours = nearest_items(generated, training).distances
    theirs = nearest_items(held_out, training).distances
    # The rank sum counts the pairs in which the held-out item is the nearer one.
    from scipy.stats import rankdata  # half a second to import

    ranks = rankdata(np.concatenate([ours, theirs]))[: len(ours)]
    n_farther = ranks.sum() - len(ours) * (len(ours) + 1) / 2
    return {
        "nearest_generated": float(np.median(ours)),
        "nearest_held_out": float(np.median(theirs)),
        "nearer_than_held_out": float(1 - n_farther / (len(ours) * len(theirs))),
        "exact_copies": float((ours == 0).mean()),
    }
