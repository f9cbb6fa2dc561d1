"""An n-gram model of codes: what a token model must beat to have learned more than the last codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .codebooks import checked_sizes
from .tokens import TokenCrossEntropy

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Context = Literal["flattened", "own"]

PENDING_KEYS = 1 << 22  # counted at once while fitting
DISCOUNT = 0.5  # where the counts of counts give none


class CodeNgram:
    """An n-gram model of codes (Q, T), each codebook with tables of its own; interpolated Kneser-Ney smoothing.

    Parameters
    ----------
    codebook_sizes : sequence of int
        Number of codes of each codebook.
    order : int
        Codes that a table looks at: the one to predict and order - 1 before it.
    context : {"flattened", "own"}
        What stands before a code. flattened: the codes in the order frame by frame and, within a frame, codebook by
        codebook, as a model of flattened codes sees them. own: the codes of its own codebook in earlier frames. Print
        the better of the two as the yardstick.

    Raises
    ------
    ValueError
        For a size under 1, an order under 1, or tables whose keys exceed 63 bits.

    Notes
    -----
    With counts c, contexts h and h' = h without its oldest code,
    `p(w | h) = (max(c(h w) - d, 0) + d · n(h) · p(w | h')) / c(h)`: n(h) is the number of different codes after h, and
    the last p is 1 / K. Below the highest order c counts the different codes before a sequence. d is
    `n₁ / (n₁ + 2 n₂)` of each table, where n₁ and n₂ sequences came once and twice. Probabilities sum to 1, and none
    is 0. Before a recording stands a code of its own.

    References
    ----------
    Kneser & Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995.
    Chen & Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1998, section 2.7.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.tile([[0, 1, 2]], 50)
    >>> model = CodeNgram([4]).fit([codes])
    >>> model.figures([codes], frame_rate_hz=50)["perplexity"] < 1.1
    True
    """

    def __init__(
        self,
        codebook_sizes: Sequence[int],
        order: int = 3,
        context: Context = "flattened",
    ) -> None:
        self.codebook_sizes = checked_sizes(codebook_sizes)
        self.order = order
        self.context = context
        # One more than there are codes: what stands before the first.
        self._base = int(self.codebook_sizes.max()) + 1
        if order < 1 or self._base**order >= 1 << 63:
            raise ValueError(
                f"expected an order of at least 1 whose keys fit 63 bits, got {order} over {self._base - 1} codes"
            )
        self._counts = [_Counts() for _ in self.codebook_sizes]
        self._tables: list[list[_Table]] = []

    def fit(self, recordings: Iterable[ArrayLike]) -> CodeNgram:
        """Count the codes (Q, T) of each recording, in addition to what was counted before; gives the model itself.

        Raises
        ------
        ValueError
            For another number of codebooks, codes that are not whole numbers, and codes outside 0 … size - 1.
        """
        for recording in recordings:
            for counts, keys in zip(self._counts, self._keys(recording), strict=True):
                counts.add(keys)
        self._tables = [self._backed_off(counts) for counts in self._counts]
        return self

    def _backed_off(self, counts: _Counts) -> list[_Table]:
        """Tables of orders 1 … n of one codebook."""
        keys, number = counts.summed()
        tables = [_Table.of(keys, number, self._base)]
        for order in range(self.order - 1, 0, -1):
            # Without its oldest code a sequence is the same key again: each of them counts once.
            shorter = keys % self._base**order
            keys, number = np.unique(shorter, return_counts=True)
            tables.append(_Table.of(keys, number, self._base))
        return tables[::-1]

    def _keys(self, recording: ArrayLike) -> Int64:
        """(Q, T): the code and those before it as one whole number, the code itself in the last place."""
        codes = self._checked(recording)
        n_before = self.order - 1
        start = self._base - 1
        if self.context == "own":
            padded = np.pad(codes, ((0, 0), (n_before, 0)), constant_values=start)
        else:
            stream = codes.T.reshape(1, -1)
            padded = np.pad(stream, ((0, 0), (n_before, 0)), constant_values=start)
        length = padded.shape[1] - n_before
        keys = np.zeros((len(padded), length), np.int64)
        # From the oldest to the newest, each shifting the others by one place.
        for place in range(self.order):
            keys = keys * self._base + padded[:, place : place + length]
        if self.context == "own":
            return keys
        by_codebook: Int64 = keys.reshape(codes.shape[1], codes.shape[0]).T
        return by_codebook

    def _checked(self, recording: ArrayLike) -> Int64:
        codes = np.asarray(recording)
        n_codebooks = len(self.codebook_sizes)
        if codes.ndim != 2 or len(codes) != n_codebooks:
            raise ValueError(
                f"expected codes (Q, T) of {n_codebooks} codebooks, got {codes.shape}"
            )
        if not np.issubdtype(codes.dtype, np.integer):
            raise ValueError(f"expected whole numbers as codes, got {codes.dtype}")
        wrong = (codes < 0) | (codes >= self.codebook_sizes[:, None])
        if wrong.any():
            place = int(wrong.any(axis=1).argmax())
            raise ValueError(
                f"codebook {place} has codes 0 … {self.codebook_sizes[place] - 1}, got {codes[place][wrong[place]][0]}"
            )
        return codes.astype(np.int64)

    def log_probabilities(self, recording: ArrayLike) -> Float64:
        """(Q, T): the logarithm of each code's probability, given those before it.

        Raises
        ------
        ValueError
            Before `fit`, and for codes that do not fit.
        """
        if not self._tables:
            raise ValueError("the n-gram model has no counts yet: call fit first")
        rows = []
        for size, tables, keys in zip(
            self.codebook_sizes, self._tables, self._keys(recording), strict=True
        ):
            probabilities = np.full(keys.shape, 1 / size)
            for order, table in enumerate(tables, start=1):
                shorter = keys % self._base**order
                probabilities = table.interpolated(shorter, probabilities)
            rows.append(np.log(probabilities))
        return np.stack(rows)

    def figures(
        self, recordings: Iterable[ArrayLike], frame_rate_hz: float
    ) -> dict[str, float]:
        """Cross-entropy of recordings that were not counted, as `TokenCrossEntropy.figures` gives it.

        Parameters
        ----------
        recordings : iterable of array_like
            Codes (Q, T) of each.
        frame_rate_hz : float
            Frames per second.
        """
        costs = TokenCrossEntropy(len(self.codebook_sizes), frame_rate_hz)
        for recording in recordings:
            costs.add_nats(-self.log_probabilities(recording))
        return costs.figures()


class _Counts:
    """How often each key came: sorted keys and their counts, with what came since in a pile of bounded size."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._number = np.zeros(0, np.int64)
        self._pending: list[Int64] = []
        self._n_pending = 0

    def add(self, keys: Int64) -> None:
        self._pending.append(keys)
        self._n_pending += len(keys)
        if self._n_pending > PENDING_KEYS:
            self.summed()

    def summed(self) -> tuple[Int64, Int64]:
        joined = np.concatenate([self._keys, *self._pending])
        weights = np.ones(len(joined), np.int64)
        weights[: len(self._keys)] = self._number
        order = np.argsort(joined, kind="stable")
        joined = joined[order]
        # The first of each run of equal keys, and the sum of its weights.
        first = np.flatnonzero(np.diff(joined, prepend=-1))
        self._keys = joined[first]
        self._number = np.add.reduceat(weights[order], first) if len(first) else weights
        self._pending = []
        self._n_pending = 0
        return self._keys, self._number


@dataclass(frozen=True)
class _Table:
    """One order: sequences and contexts as sorted keys, with the counts that the formula needs."""

    keys: Int64
    number: Int64
    contexts: Int64
    totals: Int64
    followers: Int64
    discount: float
    base: int

    @classmethod
    def of(cls, keys: Int64, number: Int64, base: int) -> _Table:
        # Keys are sorted, and so are the contexts that they begin with.
        contexts, first, followers = np.unique(
            keys // base, return_index=True, return_counts=True
        )
        totals = np.add.reduceat(number, first) if len(first) else number
        n_once, n_twice = (int((number == times).sum()) for times in (1, 2))
        discount = DISCOUNT
        if n_once and n_twice:
            discount = n_once / (n_once + 2 * n_twice)
        return cls(keys, number, contexts, totals, followers, discount, base)

    def interpolated(self, keys: Int64, lower: Float64) -> Float64:
        """Probabilities of this order from those of the order below; theirs where the context never came."""
        number = _looked_up(self.keys, self.number, keys)
        contexts = keys // self.base
        total = _looked_up(self.contexts, self.totals, contexts)
        followers = _looked_up(self.contexts, self.followers, contexts)
        own = np.maximum(number - self.discount, 0.0)
        mixed = (own + self.discount * followers * lower) / np.maximum(total, 1)
        return np.where(total > 0, mixed, lower)


def _looked_up(keys: Int64, values: Int64, wanted: Int64) -> Int64:
    """The value of each wanted key among sorted keys; 0 where it is not there."""
    if not len(keys):
        return np.zeros(wanted.shape, np.int64)
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
