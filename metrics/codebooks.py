"""How many bits codes take, and how much of a codebook is in use: counted as codes come, in memory of its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


def bit_rate_bps(frame_rate_hz: float, codebook_sizes: Sequence[int]) -> float:
    """Bits per second of codes that are stored one by one: frames per second times Σ log2(size) over the codebooks.

    Parameters
    ----------
    frame_rate_hz : float
        Frames per second: the sampling rate over the samples per frame.
    codebook_sizes : sequence of int
        Number of codes of each codebook.

    Returns
    -------
    float
        Bits per second; sizes that are no powers of two count with their exact logarithm.

    Raises
    ------
    ValueError
        For a rate that is not above 0, or a size under 1.

    Examples
    --------
    >>> bit_rate_bps(75, [1024, 1024])  # EnCodec's two codebooks
    1500.0
    """
    if not frame_rate_hz > 0:
        raise ValueError(f"expected frames per second above 0, got {frame_rate_hz}")
    return frame_rate_hz * float(np.log2(checked_sizes(codebook_sizes)).sum())


def checked_sizes(codebook_sizes: Sequence[int]) -> NDArray[np.int64]:
    sizes = np.asarray(codebook_sizes, dtype=np.int64)
    if not sizes.size or sizes.min() < 1:
        raise ValueError(
            f"expected the size of each codebook, at least 1, got {list(codebook_sizes)}"
        )
    return sizes


class CodebookUse:
    """Use and perplexity of each codebook, from codes that come piece by piece.

    Parameters
    ----------
    codebook_sizes : sequence of int
        Number of codes of each codebook.

    Raises
    ------
    ValueError
        For a size under 1.

    Notes
    -----
    With p_k the share of code k among all codes of a codebook, its entropy is `-Σ p_k log2 p_k` bits and its
    perplexity 2 to that power: the size of a codebook that were used evenly and needed as many bits. Perplexity
    cannot exceed the number of frames that were counted.

    References
    ----------
    van den Oord et al., "Neural Discrete Representation Learning", NeurIPS 2017 (perplexity of the codes).

    Examples
    --------
    >>> use = CodebookUse([4, 4])
    >>> use.add([[0, 1, 2, 3], [2, 2, 2, 2]])
    >>> use.perplexity()
    array([4., 1.])
    >>> use.use()
    array([1.  , 0.25])
    >>> use.entropy_bps(frame_rate_hz=50)
    100.0
    """

    def __init__(self, codebook_sizes: Sequence[int]) -> None:
        self.codebook_sizes = checked_sizes(codebook_sizes)
        self.counts = [np.zeros(size, np.int64) for size in self.codebook_sizes]

    def add(self, codes: ArrayLike) -> None:
        """Count codes (Q, T), or (B, Q, T).

        Raises
        ------
        ValueError
            For another number of codebooks, codes that are not whole numbers, and codes outside 0 … size - 1.
        """
        values = np.asarray(codes)
        if values.ndim == 2:
            values = values[None]
        if values.ndim != 3 or values.shape[1] != len(self.counts):
            raise ValueError(
                f"expected codes (Q, T) or (B, Q, T) of {len(self.counts)} codebooks, got {np.shape(codes)}"
            )
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"expected whole numbers as codes, got {values.dtype}")
        for place, size in enumerate(self.codebook_sizes):
            own = values[:, place].ravel()
            if own.size and not 0 <= own.min() <= own.max() < size:
                raise ValueError(
                    f"codebook {place} has codes 0 … {size - 1}, got {own.min()} … {own.max()}"
                )
        # Only now, so that codes that are refused leave nothing behind.
        for place, size in enumerate(self.codebook_sizes):
            self.counts[place] += np.bincount(values[:, place].ravel(), minlength=size)

    def entropy_bits(self) -> Float64:
        """(Q,) bits per code of an ideal coder that knows how often each code comes; NaN before any code."""
        return np.array([_entropy_bits(counts) for counts in self.counts])

    def perplexity(self) -> Float64:
        """(Q,) 2 to the power of the entropy: 1 … size; NaN before any code."""
        return np.exp2(self.entropy_bits())

    def use(self) -> Float64:
        """(Q,) the share of each codebook's codes that came at least once, 0 … 1."""
        return np.array([np.count_nonzero(own) / len(own) for own in self.counts])

    def entropy_bps(self, frame_rate_hz: float) -> float:
        """Bits per second of the same ideal coder: at most `bit_rate_bps`."""
        return frame_rate_hz * float(self.entropy_bits().sum())


def _entropy_bits(counts: NDArray[np.int64]) -> float:
    total = counts.sum()
    if not total:
        return float("nan")
    share = counts[counts > 0] / total
    # max: one code alone gives -0.0.
    return max(0.0, -float((share * np.log2(share)).sum()))
