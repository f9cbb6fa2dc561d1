"""Cross-entropy of a model of codes: in nats per code, and in bits per second of sound."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Float64 = NDArray[np.float64]


class TokenCrossEntropy:
    """Cross-entropy over batches of codes, each codebook by itself.

    Parameters
    ----------
    n_codebooks : int
        Q.
    frame_rate_hz : float
        Frames of codes per second of sound.

    Raises
    ------
    ValueError
        For no codebook, or a rate that is not above 0.

    Notes
    -----
    A code that the model gave the probability p costs `-log p` nats. Bits per second are `frame_rate_hz · Σ_q` of the
    mean cost of codebook q over `log 2`: what an ideal coder with this model would need, at most the codec's bit rate
    where the model is better than none. They compare models over different codecs; nats per code do not.

    References
    ----------
    Shannon, "A Mathematical Theory of Communication", 1948.

    Examples
    --------
    >>> import torch
    >>> figures = TokenCrossEntropy(n_codebooks=2, frame_rate_hz=75)
    >>> figures.add(torch.zeros(1, 2, 5, 1024), torch.zeros(1, 2, 5, dtype=torch.long))
    >>> {name: round(value, 3) for name, value in figures.figures().items()}
    {'cross_entropy_nats': 6.931, 'perplexity': 1024.0, 'bits_per_second': 1500.0}
    """

    def __init__(self, n_codebooks: int, frame_rate_hz: float) -> None:
        if n_codebooks < 1 or not frame_rate_hz > 0:
            raise ValueError(
                f"expected at least one codebook and frames per second above 0, got {n_codebooks} and {frame_rate_hz}"
            )
        self.frame_rate_hz = frame_rate_hz
        self.counts = np.zeros(n_codebooks, np.int64)
        self._nats = np.zeros(n_codebooks)

    def add(self, logits: Tensor, codes: Tensor, counted: Tensor | None = None) -> None:
        """Take in a batch of predictions.

        Parameters
        ----------
        logits : Tensor
            (B, Q, T, K), not normalised.
        codes : Tensor
            (B, Q, T) the codes that came, 0 … K - 1.
        counted : Tensor
            (B, Q, T), False where a code is padding; default: all count.

        Raises
        ------
        ValueError
            For shapes that do not fit.
        """
        if logits.ndim != 4 or logits.shape[:3] != codes.shape:
            raise ValueError(
                f"expected logits (B, Q, T, K) and codes (B, Q, T), got {tuple(logits.shape)} and {tuple(codes.shape)}"
            )
        # Padding may hold anything, a code that is none included.
        if counted is not None:
            codes = codes.masked_fill(~counted, 0)
        shares = logits.detach().double().log_softmax(dim=3)
        nats = -shares.gather(3, codes[..., None])[..., 0]
        self.add_nats(nats.cpu().numpy(), None if counted is None else counted.cpu())

    def add_nats(
        self, nats: ArrayLike, counted: ArrayLike | Tensor | None = None
    ) -> None:
        """Take in what each code cost, `-log p`: (Q, T), or (B, Q, T); `counted` is False where a code is padding.

        Raises
        ------
        ValueError
            For another number of codebooks, another shape of `counted`, and a cost that is not a number.
        """
        costs = np.asarray(nats, dtype=np.float64)
        costs = costs[None] if costs.ndim == 2 else costs
        if costs.ndim != 3 or costs.shape[1] != len(self.counts):
            raise ValueError(
                f"expected nats (Q, T) or (B, Q, T) of {len(self.counts)} codebooks, got {np.shape(nats)}"
            )
        kept = np.ones(costs.shape, bool)
        if counted is not None:
            kept = np.asarray(counted, dtype=bool).reshape(costs.shape)
        if np.isnan(costs[kept]).any():
            raise ValueError("the cost of a code is not a number")
        self._nats += np.where(kept, costs, 0.0).sum(axis=(0, 2))
        self.counts += kept.sum(axis=(0, 2))

    def by_codebook(self) -> Float64:
        """(Q,) nats per code of each codebook; NaN before any code."""
        with np.errstate(invalid="ignore", divide="ignore"):
            nats: Float64 = self._nats / self.counts
        return nats

    def figures(self) -> dict[str, float]:
        """The figures: NaN before any code.

        Returns
        -------
        dict
            - cross_entropy_nats: mean over the codebooks of nats per code
            - perplexity: its exponential, as if that many codes were equally likely
            - bits_per_second: what an ideal coder would need
        """
        nats = self.by_codebook()
        mean = float(nats.mean())
        return {
            "cross_entropy_nats": mean,
            "perplexity": float(np.exp(mean)),
            "bits_per_second": self.frame_rate_hz * float(nats.sum()) / math.log(2),
        }


def token_accuracy(logits: Tensor, codes: Tensor) -> float:
    """Share of codes that have the largest of their logits.

    Parameters
    ----------
    logits : Tensor
        (..., K)
    codes : Tensor
        (...), whole numbers from 0 on.

    Returns
    -------
    float
        0 … 1; NaN without any code.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Examples
    --------
    >>> token_accuracy(torch.eye(2), torch.tensor([0, 0]))
    0.5
    """
    if logits.shape[:-1] != codes.shape:
        raise ValueError(
            f"expected logits (..., K) and codes (...), got {tuple(logits.shape)} and {tuple(codes.shape)}"
        )
    hits = logits.argmax(dim=-1) == codes
    return float(hits.to(torch.float64).mean())
