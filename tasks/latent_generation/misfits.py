"""What is refused before a training: settings and embeddings that do not go with the latents and the conditions."""

from __future__ import annotations

from typing import Any

import torch

from ...compiler.module import GraphModule
from ...errors import GraphError, TaskError, Where
from ..conditions import Conditions
from ..modes import evaluating
from .config import LatentGenerationConfig
from .learner import on


def refuse_more_latents(
    config: LatentGenerationConfig, channels: int, where: Where | None
) -> None:
    """Raise TaskError E592 where `emphasis` or `pitch_latents` has more than the latents have channels."""
    if config.pitch_latents > channels:
        raise TaskError(
            f"task.pitch_latents is {config.pitch_latents}, and the codec's latents have {channels} channels",
            code="E592",
            where=where,
            help="count the latents that are the pitch: one in notes_vae",
        )
    count = len(config.emphasis)
    if count > channels:
        raise TaskError(
            f"task.emphasis has {count} values, and the codec's latents have {channels} channels",
            code="E592",
            where=where,
            help="give a value for each of the first channels that count more, and none for the others",
        )


def refuse_few_classes(
    graph: GraphModule, conditions: Conditions, channels: int, frames: int
) -> None:
    """Run the graph on the last class of each condition. Raises TaskError E591."""
    device = next(graph.parameters()).device
    first = {one.name: one.dropped(1).zero_() for one in conditions.each}
    for one in conditions.each:
        inputs: dict[str, Any] = {
            "x": torch.zeros(1, channels, frames),
            "t": torch.zeros(1),
            **first,
        }
        # The class of a dropped condition is the last one.
        inputs[one.name] = one.dropped(1)
        try:
            with evaluating(graph):
                graph(**on(device, inputs))
        except GraphError as error:
            # Anything but a row that the embedding does not have is the graph's own error.
            if not isinstance(error.__cause__, IndexError):
                raise
            needed = f"{one.n_classes}, the one for 'not known' with them"
            raise TaskError(
                f"the graph's embedding of '{one.name}' has too few rows",
                code="E591",
                where=graph.graph.where_input(),
                facts=[("classes", needed)],
                help=f"give the TokenEmbedding behind `{one.name}` num_embeddings: {one.n_classes} or more",
            ) from error
