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


def mixup_of_sounds(
    energies: Tensor,
    targets: Tensor,
    alpha: float,
    rng: Generator,
    most_gain_db: float = 30.0,
) -> tuple[Tensor, Tensor]:
    """Energies (B, ..., F, T) of each example and another's as two sounds at once, in shares that an ear would give.

    The other sound is first brought to the level of this one, at most `most_gain_db` up or down, so that no target has
    a share of a sound that cannot be heard. The level is that of the loudest frame. Shares are drawn as in `mixup`,
    and amplitudes, not energies, are in the ratio λ : (1 - λ).

    Source: Tokozume, Ushiku & Harada, "Learning from Between-class Examples for Deep Sound Recognition", ICLR 2018,
    section 3.2; levels there are A-weighted.
    """
    # How much of each example stays, and which other one is mixed in.
    share = torch.from_numpy(rng.beta(alpha, alpha, len(energies)))
    share = torch.maximum(share, 1 - share)
    other = torch.from_numpy(rng.permutation(len(energies))).to(energies.device)

    # The other sound at the level of this one.
    bins = tuple(range(1, energies.ndim - 1))
    level = energies.mean(bins).amax(-1)
    level = level.clamp_min(torch.finfo(level.dtype).tiny)
    most = 10 ** (most_gain_db / 10)
    gain = (level / level[other]).clamp(1 / most, most)
    partner = energies[other] * per_example(gain, energies)

    # Amplitudes λ and 1 - λ have energies λ² and (1 - λ)²; their sum keeps the level.
    weight = share.square() / (share.square() + (1 - share).square())
    mixed = partner + (energies - partner) * per_example(weight, energies)
    labels = targets[other] + (targets - targets[other]) * per_example(share, targets)
    return mixed, labels


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
