"""From logits to codes: temperature, the k best, the nucleus, guidance, over the last axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .config import SamplingConfig


def guided(with_condition: Tensor, without: Tensor, guidance: float) -> Tensor:
    """Logits moved away from those without a condition: without + guidance · (with - without).

    1 leaves the conditional ones as they are; more exaggerates what the condition changes. Source: Ho & Salimans,
    "Classifier-Free Diffusion Guidance", arXiv:2207.12598, eq. 6 with guidance = 1 + w; for tokens: arXiv:2306.17806.
    """
    return without + guidance * (with_condition - without)


def only_top_k(logits: Tensor, k: int) -> Tensor:
    """The k greatest logits, the others -inf; equals of the last one stay too."""
    if k >= logits.shape[-1]:
        return logits
    least = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def only_top_p(logits: Tensor, p: float) -> Tensor:
    """The smallest set of the most probable codes whose probability reaches p, the others -inf.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020, section 3.1.
    """
    if p >= 1:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    shares = ordered.softmax(-1)
    # A code stays while those before it do not reach p yet: the most probable one always does.
    before = shares.cumsum(-1) - shares
    kept = ordered.masked_fill(before >= p, -torch.inf)
    return torch.empty_like(logits).scatter_(-1, order, kept)


def probabilities(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """What is drawn from: logits over the temperature, then the k best of them, then the nucleus of those.

    A temperature of 0 leaves the greatest logit alone, the first of equal ones.
    """
    if not temperature:
        best = logits.argmax(-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, best, 1.0)
    logits = logits / temperature
    if top_k is not None:
        logits = only_top_k(logits, top_k)
    if top_p is not None:
        logits = only_top_p(logits, top_p)
    return logits.softmax(-1)


def drawn(shares: Tensor, generator: torch.Generator) -> Tensor:
    """A code for each row of probabilities: (..., K) -> (...), int64."""
    rows = shares.reshape(-1, shares.shape[-1])
    codes = torch.multinomial(rows, 1, generator=generator)
    return codes.view(shares.shape[:-1])


def beside_dropped(
    conditions: Mapping[str, Tensor],
    dropped: Mapping[str, Tensor],
    config: SamplingConfig,
    device: torch.device,
) -> dict[str, Tensor]:
    """Conditions as a graph reads them; for guidance the dropped ones below them: one batch instead of two passes."""
    found = {}
    for name, value in conditions.items():
        found[name] = value.to(device)
        if config.passes > 1:
            found[name] = torch.cat((found[name], dropped[name].to(device)))
    return found


@dataclass(frozen=True)
class Draw:
    """How one code of a place is drawn."""

    temperature: float
    guidance: float


def next_codes(
    logits: Tensor,
    count: int,
    config: SamplingConfig,
    generator: torch.Generator,
    draws: Sequence[Draw] | None = None,
) -> Tensor:
    """Codes drawn for a place from the logits (rows, ..., K) of all rows: (count, ...), int64, on the CPU.

    `draws` are those of the codes of a place, of logits (rows, codes, K), instead of what the settings say for all.
    """
    logits = logits.float().cpu()
    if draws is None:
        alike = Draw(config.temperature, config.guidance)
        return drawn(_shares(logits, count, alike, config), generator)
    shares = []
    for level, draw in enumerate(draws):
        shares.append(_shares(logits[:, level], count, draw, config))
    return drawn(torch.stack(shares, dim=1), generator)


def _shares(logits: Tensor, count: int, draw: Draw, config: SamplingConfig) -> Tensor:
    """The probabilities of the codes, (count, ..., K), of the logits (rows, ..., K) of all rows."""
    if config.passes > 1:
        logits = guided(logits[:count], logits[count:], draw.guidance)
    return probabilities(
        logits, temperature=draw.temperature, top_k=config.top_k, top_p=config.top_p
    )
