"""Inception score: how sure a classifier is of each item, and how many classes all of them have."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from .embedding_sets import Embeddings, Float64, as_embeddings

SUM_TOLERANCE = 1e-3  # of a row of probabilities in single precision


class InceptionScore:
    """Inception score of class probabilities that come piece by piece, in memory of one row.

    `exp(mean KL(p(y | x) ‖ p(y)))`, where p(y) is the mean of the p(y | x): 1 where all items look the same or the
    classifier is sure of none, the number of classes K where it is sure of each and all classes come equally often.

    References
    ----------
    Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, section 4.
    Barratt & Sharma, "A Note on the Inception Score", 2018 (its limits).

    Examples
    --------
    >>> score = InceptionScore()
    >>> score.add([[1.0, 0.0], [0.0, 1.0]])
    >>> score.value()
    2.0
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: Float64 | None = None
        self._negative_entropy = 0.0

    def add(self, probabilities: Embeddings) -> None:
        """Take in probabilities (N, K), a row per item.

        Raises
        ------
        ValueError
            For another number of axes or classes, a value below 0, and a row whose sum is not 1.
        """
        values = as_embeddings(probabilities, at_least=0, name="probabilities")
        if self._sum is not None and len(self._sum) != values.shape[1]:
            raise ValueError(
                f"expected probabilities of {len(self._sum)} classes, got {values.shape[1]}"
            )
        sums = values.sum(axis=1)
        if values.min(initial=0.0) < 0 or (np.abs(sums - 1) > SUM_TOLERANCE).any():
            raise ValueError(
                "expected probabilities: at least 0, and 1 in sum over each row"
            )
        # Rounding of single precision would otherwise stay in the mean.
        values = values / sums[:, None]
        total = values.sum(axis=0)
        self._sum = total if self._sum is None else self._sum + total
        self._negative_entropy += float(xlogy(values, values).sum())
        self.count += len(values)

    def value(self) -> float:
        """The score, 1 … K; NaN before any item."""
        if self._sum is None or not self.count:
            return float("nan")
        mean = self._sum / self.count
        # mean KL = Σ p(y) (-log p(y)) - mean entropy: sums that need no second pass over the items.
        divergence = self._negative_entropy / self.count - float(
            xlogy(mean, mean).sum()
        )
        return float(np.exp(max(0.0, divergence)))


def inception_score(
    probabilities: Embeddings, n_splits: int = 1
) -> tuple[float, float]:
    """Mean and standard deviation of the inception score over consecutive parts of equal size.

    Parameters
    ----------
    probabilities : array_like or Tensor
        (N, K), rows with sum 1.
    n_splits : int
        Number of parts; papers on images take 10. Shuffle the items first where their order means something.

    Returns
    -------
    tuple of float
        Mean and standard deviation; the latter is 0 for one part.

    Raises
    ------
    ValueError
        For probabilities that are none, and more parts than items.

    Examples
    --------
    >>> inception_score([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], n_splits=2)
    (1.5, 0.5)
    """
    values = as_embeddings(probabilities, name="probabilities")
    if not 1 <= n_splits <= len(values):
        raise ValueError(f"expected 1 … {len(values)} parts, got {n_splits}")
    scores = []
    for part in np.array_split(values, n_splits):
        score = InceptionScore()
        score.add(part)
        scores.append(score.value())
    return float(np.mean(scores)), float(np.std(scores))
