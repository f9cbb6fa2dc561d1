"""Whether a graph can be an autoregressive model of codes: found out before any data is read, by running it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...compiler.module import GraphModule
from ...errors import MirbricksError, TaskError, Where
from ...shapes import show
from ..codec.interface import Codec
from ..modes import evaluating
from .config import TokenGenerationConfig
from .patterns import Pattern

TRIED_FRAMES = 3  # of a trial run: a first one, one in the middle, a last one
MOVED = 1e-6  # what floating point may change where nothing does


def refuse_few_codebooks(wanted: int | None, codec: Codec, model: GraphModule) -> None:
    """Raise TaskError E574 for a codec with fewer codebooks than the settings want."""
    if (wanted or 1) <= codec.n_codebooks:
        return
    help_line = "take a codec with codes, such as one with a ResidualVectorQuantizer"
    if codec.n_codebooks:
        help_line = f"choose 1 to {codec.n_codebooks}"
    raise TaskError(
        f"task.n_codebooks is {wanted or 1}, and the codec has {codec.n_codebooks} codebooks",
        code="E574",
        where=model.graph.source.value(("task", "n_codebooks")),
        help=help_line,
    )


def refuse_other_numbers(
    config: TokenGenerationConfig, pattern: Pattern, model: GraphModule
) -> None:
    """Raise TaskError E576 for settings of each codebook that are not as many as the codebooks."""
    levels = pattern.n_codebooks
    for setting, of_all in (("temperatures", "temperature"), ("guidances", "guidance")):
        given = getattr(config, setting)
        if given is not None and len(given) != levels:
            raise TaskError(
                f"task.{setting} has {len(given)} values, and the model generates {levels} codebooks",
                code="E576",
                where=model.graph.source.value(("task", setting)),
                help=f"give {levels} values, or set task.{of_all}, which is for all of them",
            )


def refuse_other_shapes(
    model: GraphModule, codes: str, pattern: Pattern, where: Where | None
) -> None:
    """Raise TaskError E571 where the graph does not read (B, Q, T) or gives no logits for the pattern."""
    shape = model.input_shapes[codes]
    levels = pattern.n_codebooks
    if len(shape) != 3 or not (isinstance(shape[1], str) or shape[1] == levels):
        raise TaskError(
            f"the graph does not read the codes of {levels} codebooks",
            code="E571",
            where=where,
            facts=[("expected", show(("B", levels, "T"))), ("got", show(shape))],
            help=f"write `{codes}: B Q={levels} T`, or set task.n_codebooks",
        )
    if model.outputs:
        raise TaskError(
            "the graph gives its outputs by name, and the task reads one tensor of logits",
            code="E571",
            where=model.graph.source.key(("outputs",)),
            help="leave `outputs:` out: the last layer's tensor is read",
        )
    given = model.output_shape
    if len(given) == 3 and given[2] == pattern.n_logits():
        return
    raise TaskError(
        f"the graph does not give the logits of {pattern.codes_per_place} x {pattern.n_codes} codes for each place",
        code="E571",
        where=where,
        facts=[
            ("expected", show(("B", "T'", pattern.n_logits()))),
            ("got", show(given)),
        ],
        help=f"end in `Linear: {{out_features: {pattern.n_logits()}}}` after a {_embedding(pattern)}",
    )


def refuse_unfit(
    model: GraphModule,
    codes: str,
    conditions: Mapping[str, Tensor],
    pattern: Pattern,
    where: Where | None,
) -> None:
    """Run a graph on random codes: every code must have a row, and none may be seen by its own prediction.

    conditions  one row of each, (1, ...)

    Raises TaskError E570, E571, E572.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (1, pattern.n_codebooks, TRIED_FRAMES)
    drawn = torch.randint(pattern.n_codes, shape, generator=generator)
    drawn[0, :, 0] = pattern.n_codes - 1  # the last code must have a row too
    tokens = pattern.tokens(drawn)
    with evaluating(model):
        try:
            before = model(**{codes: tokens, **conditions})
        except MirbricksError as error:
            raise TaskError(
                f"the graph cannot read the codes 0 to {pattern.n_embeddings - 1}",
                code="E572",
                where=error.where or where,
                facts=[("layer", error.message)],
                help=f"use a {_embedding(pattern)}",
            ) from error
        places = pattern.n_places(TRIED_FRAMES)
        if before.shape[1] != places:
            raise TaskError(
                f"of {TRIED_FRAMES} frames the graph gives {before.shape[1]} places, and the pattern "
                f"'{pattern.name}' has {places}",
                code="E571",
                where=where,
                help=f"use a {_embedding(pattern)}, or another task.pattern",
            )
        _refuse_seeing(model, codes, conditions, pattern, drawn, where)


def _refuse_seeing(
    model: GraphModule,
    codes: str,
    conditions: Mapping[str, Tensor],
    pattern: Pattern,
    drawn: Tensor,
    where: Where | None,
) -> None:
    """Raise TaskError E570 where the prediction of a code changes with the code itself, or with one that follows."""
    whole = pattern.logits(
        model(**{codes: pattern.tokens(drawn), **conditions}), TRIED_FRAMES
    )
    for level in range(pattern.n_codebooks):
        other = drawn.clone()
        other[0, level, 1] = (other[0, level, 1] + 1) % pattern.n_codes
        found = pattern.logits(
            model(**{codes: pattern.tokens(other), **conditions}), TRIED_FRAMES
        )
        # Its own logits, and all of the frame before, come earlier in every pattern.
        moved = (found - whole).abs()[0, :, :2].amax(dim=-1)
        if moved[level, 1] > MOVED or moved[level, 0] > MOVED:
            raise TaskError(
                "the graph sees the code that it predicts, or one that comes after it",
                code="E570",
                where=where,
                facts=[("changed", f"the logits of codebook {level + 1}, frame 2")],
                help="give CodebookEmbedding `start: true`, and use layers that look back only, such as "
                "TransformerDecoder",
            )


def _embedding(pattern: Pattern) -> str:
    """The layer that reads the codes of a pattern, as a graph writes it."""
    how = "flatten" if pattern.name == "flatten" else "sum"
    return f"`CodebookEmbedding: {{num_embeddings: {pattern.n_embeddings}, pattern: {how}, ...}}`"
