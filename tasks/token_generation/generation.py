"""Codes drawn one place after another, with caches where the graph's blocks have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...compiler.module import GraphModule
from ...compiler.stepping import stepper_of
from ..autoregressive.sampling import beside_dropped, next_codes
from ..base import OnShare, unseen
from ..modes import evaluating
from .config import TokenGenerationConfig
from .patterns import Pattern

TRIED_FRAMES = 2  # for which a stepped graph is held against the whole one


@dataclass(frozen=True)
class Columns:
    """How codes come place by place: a column (B, codes of a place, 1) each, before the first one of no places."""

    pattern: Pattern
    places_axis: int = 1

    def tried(self, generator: torch.Generator) -> Tensor:
        """Random codes of a few frames."""
        pattern = self.pattern
        shape = (1, pattern.n_codebooks, TRIED_FRAMES)
        codes = torch.randint(pattern.n_codes, shape, generator=generator)
        return pattern.tokens(codes)

    def columns(self, x: Tensor) -> list[Tensor]:
        """Nothing, and then the columns of all places but the last, which no prediction sees."""
        found = [self.pattern.nothing(x)]
        for place in range(self.pattern.n_places(TRIED_FRAMES) - 1):
            found.append(self.pattern.column_of(x, place))
        return found

    def completed(self, columns: Sequence[Tensor]) -> Tensor:
        """The codes so far, and at the place that is predicted and after it whatever: the graph does not see it."""
        pattern = self.pattern
        came = torch.cat(list(columns), dim=-1)
        ahead = came.new_zeros(len(came), pattern.codes_per_place, 1)
        if pattern.name != "flatten":
            return torch.cat((came, ahead), dim=-1)
        missing = pattern.n_codebooks - came.shape[-1] % pattern.n_codebooks
        return pattern.gathered([came, *[ahead] * missing])


def generated(
    model: GraphModule,
    codes: str,
    conditions: Mapping[str, Tensor],
    dropped: Mapping[str, Tensor],
    *,
    pattern: Pattern,
    config: TokenGenerationConfig,
    count: int,
    n_frames: int,
    seed: int,
    on_share: OnShare = unseen,
) -> Tensor:
    """New codes (count, Q, n_frames), int64, on the device of the model.

    Parameters
    ----------
    model : GraphModule
        The trained graph.
    codes : str
        The name of its input that is generated.
    conditions, dropped : mapping of str to Tensor
        Its other inputs, (count, ...): as asked for, and without any condition, for guidance.
    pattern : Pattern
        How codes stand in a sequence.
    config : TokenGenerationConfig
        Temperature, top_k, top_p, guidance, and what differs between codebooks.
    count, n_frames : int
        Sounds, and frames of each.
    seed : int
        The same seed gives the same codes, however many threads there are.
    on_share : callable, optional
        Is called with the share of the places that is done.
    """
    device = next(model.parameters()).device
    # Drawn on the CPU, so that every device draws alike.
    generator = torch.Generator().manual_seed(seed)
    others = beside_dropped(conditions, dropped, config, device)
    rows = count * config.passes
    places = pattern.n_places(n_frames)
    columns = []
    with evaluating(model):
        step = stepper_of(
            model,
            codes,
            others,
            Columns(pattern),
            batch_size=rows,
            max_places=places,
        )
        column = pattern.nothing(torch.empty(rows, dtype=torch.int64, device=device))
        for place in range(places):
            logits = pattern.place_logits(step(column))
            draws = config.draws_at(place, pattern)
            found = next_codes(logits, count, config, generator, draws)
            column = pattern.column(found, place, n_frames).to(device)
            columns.append(column)
            # Both halves of a guided batch go on with the same codes.
            column = column.repeat(rows // count, 1, 1)
            on_share((place + 1) / places)
    return pattern.gathered(columns)
