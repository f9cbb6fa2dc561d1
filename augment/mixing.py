"""Examples mixed with one another: mixup, and stems put together again."""

from __future__ import annotations

import torch
from numpy.random import Generator
from torch import Tensor

from .base import per_example, uniform


def mixup(
    x: Tensor, targets: Tensor, alpha: float, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Each example of x (B, ...) and its targets (B, ...) mixed with another's: λ of its own, 1 - λ of the other.

    λ is drawn from Beta(alpha, alpha), and 1 - λ taken where it is the greater, so that an example stays mostly itself.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, eq. 1
    """
    # How much of each example stays, and which other one is mixed in.
    share = torch.from_numpy(rng.beta(alpha, alpha, len(x)))
    share = torch.maximum(share, 1 - share)
    other = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    return tuple(t + (t[other] - t) * per_example(1 - share, t) for t in (x, targets))  # type: ignore[return-value]


def remix(
    stems: Tensor,
    rng: Generator,
    *,
    gain_db: float = 6.0,
    drop: float = 0.0,
    swap: float = 0.0,
) -> Tensor:
    """Stems (B, S, C, N) for a new mix, which is their sum over axis 1: each with a gain of its own.

    gain_db   greatest gain or cut of a stem in dB
    drop      probability that a stem is left out; one always stays
    swap      probability that a stem comes from another example (Uhlich et al., ICASSP 2017, section 3)
    """
    b, s = stems.shape[:2]
    # Which example each stem comes from.
    rows = torch.arange(b)[:, None].expand(b, s)
    others = torch.from_numpy(rng.permuted(rows.numpy(), axis=0))
    rows = torch.where(torch.from_numpy(rng.random((b, s)) < swap), others, rows).to(
        stems.device
    )
    columns = torch.arange(s, device=stems.device).expand(b, s)
    # Which stems stay: where all would go, one is saved.
    stays = torch.from_numpy(rng.random((b, s)) >= drop)
    saved = torch.from_numpy(rng.integers(s, size=b))
    stays[torch.arange(b), saved] |= ~stays.any(dim=1)
    gain = 10.0 ** (uniform(rng, -gain_db, gain_db, b * s).reshape(b, s) / 20) * stays
    return stems[rows, columns] * gain.to(stems)[:, :, None, None]
