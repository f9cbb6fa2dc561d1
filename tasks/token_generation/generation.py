"""Codes drawn one place after another, with caches where the graph's blocks have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ...compiler.module import GraphModule
from ...compiler.stepping import Steps
from ..base import OnShare, unseen
from ..modes import evaluating
from .config import SamplingConfig
from .patterns import Pattern
from .sampling import drawn, guided, probabilities

TRIED_FRAMES = 2  # for which a stepped graph is held against the whole one
CLOSE = 1e-3  # a block that should step and does not is off by much more

Stepper = Callable[[Tensor], Tensor]


class Whole:
    """The logits of the next place by the whole graph, each time: for graphs whose blocks have no cache.

    Parameters
    ----------
    model : GraphModule
        The graph, in eval mode.
    codes : str
        The name of the input that is generated.
    others : mapping of str to Tensor
        The other inputs, (B, ...).
    pattern : Pattern
        How codes stand in a sequence.
    """

    def __init__(
        self,
        model: GraphModule,
        codes: str,
        others: Mapping[str, Tensor],
        pattern: Pattern,
    ) -> None:
        self.model = model
        self.codes = codes
        self.others = others
        self.pattern = pattern
        self.columns: list[Tensor] = []

    def __call__(self, column: Tensor) -> Tensor:
        """The output of the place after `column`, (B, codes of a place, 1); none of them before the first."""
        if column.shape[-1]:
            self.columns.append(column)
        place = len(self.columns)
        # Whatever stands at the place that is predicted, and after it: the graph does not see it.
        ahead = column.new_zeros(len(column), self.pattern.codes_per_place, 1)
        if self.pattern.name == "flatten":
            missing = self.pattern.n_codebooks - place % self.pattern.n_codebooks
            tokens = self.pattern.gathered([*self.columns, *[ahead] * missing])
        else:
            tokens = torch.cat([*self.columns, ahead], dim=-1)
        outputs: Tensor = self.model(**{self.codes: tokens, **self.others})
        return outputs[:, place : place + 1]


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


def next_codes(
    logits: Tensor, count: int, config: SamplingConfig, generator: torch.Generator
) -> Tensor:
    """Codes drawn for a place from the logits (rows, ..., K) of all rows: (count, ...), int64, on the CPU."""
    logits = logits.float().cpu()
    if config.passes > 1:
        logits = guided(logits[:count], logits[count:], config.guidance)
    shares = probabilities(
        logits,
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
    )
    return drawn(shares, generator)


@torch.inference_mode()
def steps_agree(
    model: GraphModule, codes: str, others: Mapping[str, Tensor], pattern: Pattern
) -> bool:
    """Whether a graph stepped place by place gives what the whole of it gives, tried on a few random codes."""
    batch = 1
    first = {name: value[:batch] for name, value in others.items()}
    generator = torch.Generator().manual_seed(0)
    shape = (batch, pattern.n_codebooks, TRIED_FRAMES)
    device = next(model.parameters()).device
    tried = torch.randint(pattern.n_codes, shape, generator=generator).to(device)
    tokens = pattern.tokens(tried)
    whole: Tensor = model(**{codes: tokens, **first})
    places = whole.shape[1]
    try:
        steps = Steps(model, codes, first, batch_size=batch, max_places=places)
        found = [steps(pattern.nothing(tried))]
        for place in range(places - 1):
            found.append(steps(pattern.column_of(tokens, place)))
        each = torch.cat([one[:, -1:] for one in found], dim=1)
    # A block that cannot be stepped may fail in any way; the whole graph is then the answer.
    except (RuntimeError, ValueError, IndexError):
        return False
    return each.shape == whole.shape and bool((each - whole).abs().max() < CLOSE)


def stepper_of(
    model: GraphModule,
    codes: str,
    others: Mapping[str, Tensor],
    pattern: Pattern,
    *,
    batch_size: int,
    max_places: int,
) -> Stepper:
    """What gives the logits of the next place: with caches, where that is as good as without."""
    if steps_agree(model, codes, others, pattern):
        return Steps(model, codes, others, batch_size=batch_size, max_places=max_places)
    return Whole(model, codes, others, pattern)


def generated(
    model: GraphModule,
    codes: str,
    conditions: Mapping[str, Tensor],
    dropped: Mapping[str, Tensor],
    *,
    pattern: Pattern,
    config: SamplingConfig,
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
    config : SamplingConfig
        Temperature, top_k, top_p, guidance.
    count, n_frames : int
        Sounds, and frames of each.
    seed : int
        The same seed gives the same codes, however many threads there are.
    on_share : callable, optional
        Is told which share of the places is done.
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
            model, codes, others, pattern, batch_size=rows, max_places=places
        )
        column = pattern.nothing(torch.empty(rows, dtype=torch.int64, device=device))
        for place in range(places):
            logits = pattern.place_logits(step(column))
            found = next_codes(logits, count, config, generator)
            column = pattern.column(found, place, n_frames).to(device)
            columns.append(column)
            # Both halves of a guided batch go on with the same codes.
            column = column.repeat(rows // count, 1, 1)
            on_share((place + 1) / places)
    return pattern.gathered(columns)
