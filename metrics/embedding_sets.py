"""Sets of embeddings (N, D): their checks, and distances between two sets in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Float64 = NDArray[np.float64]
Embeddings = ArrayLike | Tensor

BLOCK_VALUES = 1 << 22  # distances or products held at once, 32 MB


def as_embeddings(
    embeddings: Embeddings, *, at_least: int = 1, name: str = "embeddings"
) -> Float64:
    """Embeddings as float64 (N, D).

    Raises
    ------
    ValueError
        For another number of axes, fewer items than `at_least`, no features, or a value that is not finite.
    """
    if isinstance(embeddings, Tensor):
        embeddings = embeddings.detach().cpu().double().numpy()
    values = np.asarray(embeddings, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"expected {name} (N, D), got {values.shape}")
    if len(values) < at_least:
        raise ValueError(f"expected at least {at_least} {name}, got {len(values)}")
    if not np.isfinite(values).all():
        raise ValueError(f"a value of the {name} is not finite")
    return values


def two_sets(
    real: Embeddings, generated: Embeddings, *, at_least: int = 1
) -> tuple[Float64, Float64]:
    """Two sets as float64 (N, D) and (M, D); ValueError where the numbers of features differ, too."""
    one = as_embeddings(real, at_least=at_least, name="real embeddings")
    other = as_embeddings(generated, at_least=at_least, name="generated embeddings")
    if one.shape[1] != other.shape[1]:
        raise ValueError(
            f"real embeddings have {one.shape[1]} features, generated ones {other.shape[1]}"
        )
    return one, other


def row_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Rows of a matrix in pieces of about `BLOCK_VALUES` values."""
    step = max(1, BLOCK_VALUES // max(1, n_columns))
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))


def squared_distances(one: Float64, other: Float64) -> Iterator[tuple[slice, Float64]]:
    """Rows of `one`, and their squared Euclidean distances (rows, M) to all of `other`."""
    # |a - b|² = |a|² + |b|² - 2ab loses digits far from the origin, so the sets are moved there.
    centre = other.mean(axis=0)
    ours = one - centre
    others = other - centre
    squares = np.einsum("nd,nd->n", others, others)
    for rows in row_blocks(len(ours), len(others)):
        block = ours[rows]
        own = np.einsum("nd,nd->n", block, block)
        distances = own[:, None] + squares - 2 * block @ others.T
        # Rounding may leave a little less than nothing.
        yield rows, np.maximum(distances, 0.0)


def halves(embeddings: Embeddings, seed: int) -> tuple[Float64, Float64]:
    """Two halves of a set, drawn at random: what real against real gives is the yardstick of what is generated.

    Parameters
    ----------
    embeddings : array_like or Tensor
        (N, D), at least two; where N is odd one item is left out.
    seed : int
        Of the draw.

    Returns
    -------
    tuple of ndarray
        Two arrays (N // 2, D) without a common item.

    Examples
    --------
    >>> one, other = halves([[1.0], [2.0], [3.0], [4.0]], seed=0)
    >>> one.shape, other.shape
    ((2, 1), (2, 1))
    >>> float(one.sum() + other.sum())
    10.0
    """
    values = as_embeddings(embeddings, at_least=2)
    order = np.random.default_rng(seed).permutation(len(values))
    half = len(values) // 2
    return values[order[:half]], values[order[half : 2 * half]]


def standardised(real: Embeddings, generated: Embeddings) -> tuple[Float64, Float64]:
    """Both sets with each feature less its mean, over its deviation, *in the real set*: all features count the same.

    Distances over embeddings of mixed or large units need it: in dB, the cubic kernel of KID gives millions.

    Parameters
    ----------
    real, generated : array_like or Tensor
        Embeddings (N, D) and (M, D).

    Returns
    -------
    tuple of ndarray
        The two sets. A feature that is constant in the real set is only centred.

    Raises
    ------
    ValueError
        For no embeddings, another number of axes or features, or a value that is not finite.

    Examples
    --------
    >>> standardised([[0.0], [2.0]], [[3.0]])
    (array([[-1.],
           [ 1.]]), array([[2.]]))
    """
    one, other = two_sets(real, generated)
    mean = one.mean(axis=0)
    deviation = one.std(axis=0)
    # What rounding leaves of a constant feature would blow up its noise.
    constant = deviation <= 1e-12 * np.abs(one).max(axis=0)
    deviation[constant] = 1.0
    return (one - mean) / deviation, (other - mean) / deviation
