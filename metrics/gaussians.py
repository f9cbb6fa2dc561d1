"""Mean and covariance of embeddings that come piece by piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .embedding_sets import Embeddings, Float64, as_embeddings

BLOCK_ROWS = 256  # taken in at once, at least


class GaussianStatistics:
    """Mean and covariance of embeddings that come piece by piece, in memory of D × D.

    Kept are the mean and a *root* R with `RᵀR = Σ (x - mean)(x - mean)ᵀ`: the centred rows themselves while they are
    few, their QR factor later. Nothing is ever squared, so that no digits are lost and no eigenvalue can come out
    below 0.

    References
    ----------
    Chan et al., "Algorithms for Computing the Sample Variance", The American Statistician 37, 1983 (pieces joined).

    Examples
    --------
    >>> statistics = GaussianStatistics()
    >>> statistics.add([[0.0, 1.0], [2.0, 1.0]])
    >>> statistics.add([[4.0, 4.0]])
    >>> statistics.count, statistics.mean
    (3, array([2., 2.]))
    >>> statistics.covariance
    array([[4., 3.],
           [3., 3.]])
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Float64 | None = None
        self._parts: list[Float64] = []
        self._n_rows = 0

    @classmethod
    def from_moments(
        cls, mean: ArrayLike, covariance: ArrayLike, count: int
    ) -> GaussianStatistics:
        """Statistics that others have computed.

        Parameters
        ----------
        mean : array_like
            (D,)
        covariance : array_like
            (D, D), with N - 1 in its denominator.
        count : int
            N, the number of embeddings behind them, at least 2.

        Returns
        -------
        GaussianStatistics

        Raises
        ------
        ValueError
            For shapes that do not fit, and a matrix that no covariance can be.
        """
        centre = np.array(mean, dtype=np.float64)
        matrix = np.array(covariance, dtype=np.float64)
        if centre.ndim != 1 or matrix.shape != (len(centre), len(centre)):
            raise ValueError(
                f"expected a mean (D,) and a covariance (D, D), got {centre.shape} and {matrix.shape}"
            )
        if count < 2:
            raise ValueError(f"a covariance needs at least 2 embeddings, got {count}")
        if not (np.isfinite(centre).all() and np.isfinite(matrix).all()):
            raise ValueError("a value of the mean or of the covariance is not finite")
        size = np.abs(matrix).max(initial=0.0)
        if np.abs(matrix - matrix.T).max(initial=0.0) > 1e-6 * size:
            raise ValueError("the covariance is not symmetric")
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        if values.min(initial=0.0) < -1e-6 * size:
            raise ValueError(
                f"the covariance has an eigenvalue of {values.min():g}, below 0"
            )
        # What is smaller than rounding is 0: the root would make 1e-8 of 1e-16, in every such direction.
        kept = values > len(values) * np.finfo(np.float64).eps * size
        root = np.sqrt(values[kept] * (count - 1))[:, None] * vectors[:, kept].T
        made = cls()
        made.count = count
        made._mean = centre
        made._parts = [root]
        made._n_rows = len(root)
        return made

    def add(self, embeddings: Embeddings) -> None:
        """Take in embeddings (N, D), any number of them.

        Raises
        ------
        ValueError
            For another number of axes or features, or a value that is not finite.
        """
        values = as_embeddings(embeddings, at_least=0)
        if self._mean is not None and values.shape[1] != len(self._mean):
            raise ValueError(
                f"expected embeddings of {len(self._mean)} features, got {values.shape[1]}"
            )
        step = max(BLOCK_ROWS, values.shape[1])
        for first in range(0, len(values), step):
            block = values[first : first + step]
            mean = block.mean(axis=0)
            self._join(len(block), mean, block - mean)

    def merge(self, other: GaussianStatistics) -> None:
        """Take in what another one has counted, as from another process."""
        if other.count:
            if self._mean is not None and len(other.mean) != len(self._mean):
                raise ValueError(
                    f"expected embeddings of {len(self._mean)} features, got {len(other.mean)}"
                )
            self._join(other.count, other.mean, other.root)

    def _join(self, count: int, mean: Float64, root: Float64) -> None:
        # One item alone deviates by nothing from its mean.
        if count > 1:
            self._append(root)
        if self._mean is None:
            self._mean = mean.copy()
        else:
            # The spread of the whole is that within both parts, and that of their means.
            delta = mean - self._mean
            total = self.count + count
            self._append(np.sqrt(self.count * count / total) * delta[None])
            self._mean = self._mean + delta * (count / total)
        self.count += count

    def _append(self, rows: Float64) -> None:
        self._parts.append(rows)
        self._n_rows += len(rows)
        n_features = rows.shape[1]
        # Any matrix has a triangle of D rows with the same RᵀR.
        if self._n_rows > 2 * max(n_features, BLOCK_ROWS):
            self._parts = [_triangle(np.concatenate(self._parts))]
            self._n_rows = len(self._parts[0])

    @property
    def mean(self) -> Float64:
        """(D,) the mean."""
        if self._mean is None:
            raise ValueError("expected at least 1 embeddings, got 0")
        return self._mean

    @property
    def root(self) -> Float64:
        """(rows, D), rows ≤ D: RᵀR is the sum of the outer products of the deviations from the mean."""
        joined = np.concatenate([*self._parts, np.zeros((0, len(self.mean)))])
        if len(joined) > joined.shape[1]:
            joined = _triangle(joined)
        self._parts = [joined]
        self._n_rows = len(joined)
        return joined

    @property
    def covariance(self) -> Float64:
        """(D, D), with N - 1 in the denominator."""
        scaled = self.scaled_root
        covariance: Float64 = scaled.T @ scaled
        return covariance

    @property
    def scaled_root(self) -> Float64:
        """(rows, D): RᵀR is the covariance."""
        if self.count < 2:
            raise ValueError(
                f"a covariance needs at least 2 embeddings, got {self.count}"
            )
        scaled: Float64 = self.root / np.sqrt(self.count - 1)
        return scaled


def _triangle(rows: Float64) -> Float64:
    return np.asarray(np.linalg.qr(rows, mode="r"))
